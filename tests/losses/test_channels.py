"""The channels beside the classes have a term of their own, whatever the loss and the outputs are."""

from __future__ import annotations

import pytest
import torch

from monaiseg.losses import ChannelLoss, OutputLoss, build_loss

CLASSES, MORE = 2, 4
LOGITS = torch.randn(3, CLASSES + MORE, 16, 16, generator=torch.Generator().manual_seed(0))
LABEL = torch.cat(
    [
        torch.randint(0, 2, (3, CLASSES, 16, 16), generator=torch.Generator().manual_seed(1)),
        torch.randint(0, 256, (3, MORE, 16, 16), generator=torch.Generator().manual_seed(2)),
    ],
    1,
).byte()


@pytest.mark.parametrize("name", ["bce_dice", "DiceFocalLoss"])
def test_classes_and_channels_are_compared_apart_and_added(name: str) -> None:
    plain = build_loss(name)(LOGITS[:, :CLASSES], LABEL[:, :CLASSES])
    further = ChannelLoss()(LOGITS[:, CLASSES:], LABEL[:, CLASSES:].float())
    loss = build_loss(name, classes=CLASSES)
    torch.testing.assert_close(loss(LOGITS, LABEL), plain + further)
    torch.testing.assert_close(loss([LOGITS, LOGITS], LABEL), plain + further)
    presence = torch.randn(3, 1, 2)
    torch.testing.assert_close(
        loss({"logits": [LOGITS], "presence": presence}, LABEL),
        plain + further + build_loss(name).presence(presence, LABEL[:, :CLASSES].float()),
    )


def test_where_all_channels_are_classes_nothing_is_added() -> None:
    logits, label = LOGITS[:, :CLASSES], LABEL[:, :CLASSES]
    assert torch.equal(build_loss("bce_dice", classes=CLASSES)(logits, label), build_loss("bce_dice")(logits, label))


def test_a_level_is_learnt_as_its_share_of_255() -> None:
    levels = torch.tensor([0.0, 51.0, 128.0, 255.0]).reshape(1, 4, 1, 1).expand(1, 4, 8, 8)
    logits = torch.zeros(1, 4, 8, 8, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    loss = OutputLoss(torch.nn.Identity(), classes=None).further
    for _ in range(200):
        optimizer.zero_grad()
        loss([logits], levels).backward()
        optimizer.step()
    assert (logits.sigmoid().amax((0, 2, 3)) - levels[0, :, 0, 0] / 255).abs().max() < 0.02
