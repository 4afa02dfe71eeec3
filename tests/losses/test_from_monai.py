"""MONAI's losses: what is mended is MONAI's wherever MONAI's is right, and no loss of MONAI's is passed over."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import monai.losses
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from monaiseg.losses import MONAI_LOSSES, build_loss
from monaiseg.losses.from_monai import _to_border

PAGE = (Path(__file__).parents[2] / "docs" / "losses.md").read_text()


def sample(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    target = torch.zeros(shape)
    for channel in range(shape[1]):
        target[:, channel, 2 : 8 + channel, 1 + channel : 7] = 1
    return 3 * torch.randn(shape), target


SHAPES = [(2, 1, 16, 14), (2, 3, 16, 14), (2, 2, 10, 9, 12)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["HausdorffDTLoss", "LogHausdorffDTLoss"])
def test_where_objects_are_the_mended_one_is_monais(name: str, shape: tuple[int, ...]) -> None:
    logits, target = sample(*shape)
    theirs = getattr(monai.losses, name)(include_background=True, sigmoid=True)
    assert torch.equal(build_loss(name)(logits, target), theirs(logits, target))


@pytest.mark.parametrize("shape", SHAPES)
def test_boundary_is_monais_but_for_its_smallest_value(shape: tuple[int, ...]) -> None:
    logits, target = sample(*shape)
    theirs = monai.losses.BoundaryLoss(sigmoid=True)
    offset = theirs(logits, target) - theirs(60 * (2 * target - 1), target)
    torch.testing.assert_close(build_loss("BoundaryLoss")(logits, target), offset)


@pytest.mark.parametrize("size", [(6, 9), (5, 7, 4)])
def test_a_mask_without_outline_has_that_of_the_image(size: tuple[int, ...]) -> None:
    beyond = np.pad(np.ones(size), 1)
    expected = ndimage.distance_transform_edt(beyond)[(slice(1, -1),) * len(size)]
    np.testing.assert_array_equal(_to_border(torch.zeros(1, 1, *size)), expected)
    p = torch.sigmoid(torch.randn(2, 1, *size))
    for filled in (0.0, 1.0):
        target = torch.full((2, 1, *size), filled)
        assert build_loss("BoundaryLoss")(torch.logit(p), target).item() == pytest.approx(
            (torch.tensor(expected) * (p - target).abs()).mean().item(), rel=1e-5
        )
        inverted = torch.full_like(target, 4 - 8 * filled)
        assert build_loss("HausdorffDTLoss")(inverted, target).item() == pytest.approx(
            torch.sigmoid(torch.tensor(4.0)).item() ** 2 * 2 * (expected**2).mean(), rel=1e-5
        )


@pytest.mark.parametrize("shape", [(2, 1, 64, 64), (1, 2, 24, 24, 24)])
def test_mcc_is_monais_but_for_two_pixels(shape: tuple[int, ...]) -> None:
    logits, target = sample(*shape)
    theirs = monai.losses.MCCLoss(sigmoid=True)(logits, target)
    assert build_loss("MCCLoss")(logits, target).item() == pytest.approx(theirs.item(), abs=0.02)


@pytest.mark.parametrize("filled", [0.0, 1.0])
def test_mcc_of_a_mask_of_one_label_is_the_root_of_what_is_right(filled: float) -> None:
    """With one pixel more of each label, tp = 1 and fn = 0 (or tn, fp) leave the root of a fraction."""
    target = torch.full((1, 1, 8, 8), filled)
    wrong = torch.rand(64)
    logits = torch.logit(wrong if filled == 0 else 1 - wrong).view(target.shape)
    count = wrong.sum()
    expected = 1 - torch.sqrt((65 - count) / ((1 + count) * 65))
    torch.testing.assert_close(build_loss("MCCLoss")(logits, target), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_cross_entropy_takes_each_channel_as_a_class_of_its_own(channels: int) -> None:
    """A softmax over the channels would not mind a prediction where no class is."""
    logits, target = sample(2, channels, 16, 16)
    dice = monai.losses.DiceLoss(sigmoid=True)(logits, target)
    expected = dice + nn.functional.binary_cross_entropy_with_logits(logits, target)
    torch.testing.assert_close(build_loss("DiceCELoss")(logits, target), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("options", [{}, {"batch": True}, {"w_type": "simple"}, {"w_type": "uniform"}])
@pytest.mark.parametrize("name", ["GeneralizedDiceLoss", "GeneralizedDiceFocalLoss"])
def test_generalized_dice_is_monais_without_smoothing(
    name: str, options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    """Where objects are; also where one class has none, whose weight is then the largest."""
    logits, target = sample(*shape)
    theirs = getattr(monai.losses, name)(sigmoid=True, smooth_nr=0, smooth_dr=0, **options)
    for truth in (target, target * (torch.arange(shape[1]) == 0).reshape(-1, *[1] * (len(shape) - 2))):
        assert build_loss(name, options)(logits, truth).item() == pytest.approx(theirs(logits, truth).item(), abs=1e-6)


def test_generalized_dice_teaches_large_objects_as_small_ones() -> None:
    """By MONAI's weights a miss of 512 x 512 pixels costs 0.28, with a sixth of the gradient that it should have."""
    for side in (4, 64, 512):
        target = torch.ones(1, 1, side, side)
        logits = torch.full_like(target, -4).requires_grad_()
        loss = build_loss("GeneralizedDiceLoss")(logits, target)
        p = torch.sigmoid(torch.tensor(-4.0)).item()
        assert loss.item() == pytest.approx(1 - 2 * p / (1 + p), abs=1e-6)
        loss.backward()
        assert logits.grad.sum().item() == pytest.approx(-2 * p * (1 - p) / (1 + p) ** 2, rel=1e-4)


def test_the_dice_half_of_generalized_dice_focal_is_ours() -> None:
    empty = torch.zeros(2, 2, 8, 8)
    loss = build_loss("GeneralizedDiceFocalLoss", {"lambda_focal": 0.0})
    assert loss(empty + 4, empty) > 0.9
    logits, target = sample(2, 2, 16, 14)
    assert torch.equal(loss(logits, target), build_loss("GeneralizedDiceLoss")(logits, target))


@pytest.mark.parametrize("batch", [False, True])
def test_generalized_dice_minds_what_is_found_where_nothing_is(batch: bool) -> None:
    empty = torch.zeros(2, 2, 8, 8)
    loss = build_loss("GeneralizedDiceLoss", {"batch": batch})
    assert loss(empty + 4, empty) > 0.9
    assert loss(empty - 60, empty) < 1e-5


def test_every_loss_of_monais_is_taken_or_left_out_with_a_reason() -> None:
    there = {value.__name__ for value in vars(monai.losses).values() if inspect.isclass(value)}
    section = PAGE.partition("## Left out")[2]
    named = set(re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in section.splitlines() if row[:1] == "|")))
    assert there - set(MONAI_LOSSES) == named
