"""Losses: right in value, for every kind of training output, and able to teach."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monaiseg.errors import ConfigError
from monaiseg.losses import MONAI_LOSSES, OWN_LOSSES, BCEDice, build_loss

Floats = npt.NDArray[np.float32]
NAMES = (*OWN_LOSSES, *MONAI_LOSSES)
SHAPES = [(2, 1, 16, 16), (2, 1, 8, 6, 10), (2, 3, 16, 16)]


def sample(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits and a box in each channel as target."""
    torch.manual_seed(0)
    target = torch.zeros(shape)
    target[:, :, 2:7, 1:5] = 1
    return torch.randn(shape), target


def bce(logits: Floats, target: Floats) -> float:
    x = logits.astype(np.float64)
    return float((np.logaddexp(0, x) - x * target).mean())


def dice(logits: Floats, target: Floats) -> float:
    """The Dice loss of each channel of each image, averaged."""
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    axes = tuple(range(2, target.ndim))
    return float((1 - (2 * (p * target).sum(axes) + 1e-5) / ((p + target).sum(axes) + 1e-5)).mean())


@given(arrays(np.float32, (2, 2, 5, 3), elements=st.floats(-8, 8, width=32)), arrays(np.bool_, (2, 2, 5, 3)))
def test_bce_dice_is_its_formula(logits: Floats, mask: npt.NDArray[np.bool_]) -> None:
    target = mask.astype(np.float32)
    inputs = torch.from_numpy(logits), torch.from_numpy(target)
    expected = 0.5 * bce(logits, target) + dice(logits, target)
    assert BCEDice()(*inputs).item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert build_loss("bce_dice")(*inputs).item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
    heavy = expected + 1.5 * bce(logits, target)
    assert BCEDice(bce_weight=2)(*inputs).item() == pytest.approx(heavy, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_cross_entropy_takes_each_channel_as_a_class_of_its_own(channels: int) -> None:
    """A softmax over the channels would not mind a prediction where no class is."""
    logits, target = sample((2, channels, 16, 16))
    expected = bce(logits.numpy(), target.numpy()) + dice(logits.numpy(), target.numpy())
    assert build_loss("DiceCELoss")(logits, target).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_every_channel_counts(name: str) -> None:
    """MONAI's Hausdorff losses leave the first channel out by default, as background."""
    logits, target = sample((2, 3, 16, 16))
    build_loss(name)(logits.requires_grad_(), target).backward()
    assert logits.grad is not None and logits.grad.abs().sum((0, 2, 3)).min() > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_output(name: str) -> None:
    loss = build_loss(name)
    first, target = sample((2, 1, 16, 16))
    heads = [first, first * 2 - 1, -first]
    mean = torch.stack([loss(head, target) for head in heads]).mean()
    assert loss([first], target) == loss(first, target)
    assert torch.allclose(loss(heads, target), mean)
    assert torch.equal(loss({"logits": heads, "edges": torch.ones(2, 1)}, target), loss(heads, target))
    assert torch.equal(loss({"logits": first}, target), loss(first, target))
    assert torch.equal(loss(first, target.byte()), loss(first, target)), "labels come as uint8"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_every_loss_is_a_finite_scalar_that_knows_better_from_worse(name: str, shape: tuple[int, ...]) -> None:
    logits, target = sample(shape)
    loss = build_loss(name)
    value = loss(logits.requires_grad_(), target)
    value.backward()
    assert value.shape == () and value.isfinite() and value >= 0
    assert logits.grad is not None and logits.grad.isfinite().all() and logits.grad.any()
    good = 6 * (2 * target - 1)
    assert loss(good, target) < value < loss(-good, target)


@pytest.mark.parametrize("strength", [5.0, 20.0, 100.0])
def test_an_inverted_prediction_still_learns(strength: float) -> None:
    target = sample((2, 1, 16, 16))[1]
    logits = (-strength * (2 * target - 1)).requires_grad_()
    build_loss("bce_dice")(logits, target).backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    assert (logits.grad * (2 * target - 1) < 0).all(), "each pixel must be pushed to the side of its truth"


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_logits_give_a_float32_loss(name: str) -> None:
    logits, target = sample((2, 1, 16, 16))
    loss, low = build_loss(name), logits.bfloat16()
    for outputs in (low, [low, low], {"logits": low}):
        value = loss(outputs, target)
        assert value.dtype == torch.float32
        assert torch.allclose(value, loss(low.float(), target))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("DiceFocalLos", "'DiceFocalLoss'"), ("bcedice", "'bce_dice'"), ("wing", "bce_dice"), (3, "there is")],
)
def test_an_unknown_loss_gets_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"loss is {name!r}.*{hint}"):
        build_loss(name)
