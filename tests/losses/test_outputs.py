"""What a network gives beside its logits: whether there is anything to segment."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from monaiseg.losses import OutputLoss, PresenceLoss

TARGET = torch.zeros(3, 2, 8, 8)
TARGET[1, 0, 2, 3] = 1
TARGET[2, :, 4, 4] = 1


@pytest.mark.parametrize(
    ("gates", "there"),
    [(1, [[0], [1], [1]]), (2, [[0, 0], [1, 0], [1, 1]])],
    ids=["any class", "each class"],
)
def test_presence_is_cross_entropy_of_absent_and_present(gates, there):
    presence = torch.randn(3, gates, 2)
    there = torch.tensor(there, dtype=torch.float32)
    expected = -(F.logsigmoid(presence[..., 1]) * there + F.logsigmoid(-presence[..., 1]) * (1 - there)) / 2
    expected = expected - (F.logsigmoid(presence[..., 0]) * (1 - there) + F.logsigmoid(-presence[..., 0]) * there) / 2
    torch.testing.assert_close(PresenceLoss()(presence, TARGET), expected.mean())


def test_one_gate_fewer_than_channels_leaves_the_background_out():
    target = torch.cat([1 - TARGET.amax(1, keepdim=True), TARGET], 1)
    presence = torch.randn(3, 2, 2)
    torch.testing.assert_close(PresenceLoss()(presence, target), PresenceLoss()(presence, TARGET))


def test_further_channels_are_nothing_to_be_present():
    """A border where no object is must not teach that there is one."""
    outputs = {"logits": torch.zeros(3, 4, 8, 8), "presence": torch.randn(3, 1, 2)}
    clean, levels = torch.cat([TARGET, 0 * TARGET], 1), torch.cat([TARGET, 0 * TARGET + 255], 1)
    difference = [
        OutputLoss(nn.L1Loss(), classes=2)(outputs | one, levels) for one in ({}, {"presence": 0 * outputs["presence"]})
    ]
    expected = [PresenceLoss()(one, clean[:, :2]) for one in (outputs["presence"], 0 * outputs["presence"])]
    torch.testing.assert_close(difference[0] - difference[1], expected[0] - expected[1])


def test_where_each_channel_has_a_gate_the_further_ones_are_present_or_not_as_well():
    levels = torch.cat([TARGET, 255 * TARGET.flip(1)], 1)
    outputs = {"logits": torch.zeros(3, 4, 8, 8), "presence": torch.randn(3, 4, 2)}
    loss = OutputLoss(nn.L1Loss(), classes=2)
    without = loss(outputs["logits"], levels)
    torch.testing.assert_close(loss(outputs, levels) - without, PresenceLoss()(outputs["presence"], levels))
