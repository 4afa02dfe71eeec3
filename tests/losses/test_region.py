"""The losses over regions and their logarithms, against plain numpy in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monaiseg.losses import BCEDice, ComboLoss, ExpLog, FocalTversky, LogCoshDice, build_loss

Floats = npt.NDArray[np.float64]
Pair = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]


def pairs(*shape: int) -> st.SearchStrategy[Pair]:
    return st.tuples(arrays(np.float32, shape, elements=st.floats(-8, 8, width=32)), arrays(np.bool_, shape))


given_logits_and_mask = given(pairs(2, 3, 5, 4) | pairs(2, 2, 3, 2, 4))


def sigmoid(x: npt.NDArray[np.float32]) -> Floats:
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def dice(p: Floats, t: Floats, axes: tuple[int, ...], smooth: float) -> Floats:
    return (2 * (p * t).sum(axes) + smooth) / (p.sum(axes) + t.sum(axes) + smooth)


def per_class(x: Floats) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


def check(loss: torch.nn.Module, pair: Pair, expected: float) -> None:
    logits, mask = pair
    value = loss(torch.from_numpy(logits), torch.from_numpy(mask.astype(np.float32)))
    assert value.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@given_logits_and_mask
def test_bce_dice_pools_all_classes_of_an_image(pair: Pair) -> None:
    p, t = sigmoid(pair[0]), pair[1].astype(float)
    bce = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    of_images = [1 - dice(p[i], t[i], tuple(range(p[i].ndim)), 1e-5) for i in range(len(p))]
    check(BCEDice(), pair, 0.5 * bce + np.mean(of_images))
    check(build_loss("bce_dice"), pair, 0.5 * bce + np.mean(of_images))
    check(BCEDice(bce_weight=2), pair, 2 * bce + np.mean(of_images))


def test_bce_dice_of_one_class_is_that_of_each_class() -> None:
    logits = torch.randn(3, 1, 8, 8)
    target = (torch.rand(3, 1, 8, 8) > 0.5).float()
    parts = build_loss("DiceCELoss", {"lambda_ce": 0.5})
    torch.testing.assert_close(BCEDice()(logits, target), parts(logits, target))
    both = torch.cat([logits, -logits], 1), torch.cat([target, target * (torch.rand(target.shape) > 0.8)], 1)
    assert abs(BCEDice()(*both) - parts(*both)) > 1e-3


@given_logits_and_mask
def test_combo(pair: Pair) -> None:
    p, t = sigmoid(pair[0]), pair[1].astype(float)
    entropy = -(0.8 * t * np.log(p) + 0.2 * (1 - t) * np.log(1 - p)).mean()
    check(ComboLoss(0.3, 0.8), pair, 0.3 * entropy + 0.7 * (1 - dice(p, t, per_class(p), 1)).mean())


@given_logits_and_mask
def test_focal_tversky(pair: Pair) -> None:
    p, t = sigmoid(pair[0]), pair[1].astype(float)
    axes = per_class(p)
    hit, missed, false = (p * t).sum(axes), ((1 - p) * t).sum(axes), (p * (1 - t)).sum(axes)
    index = (hit + 1) / (hit + 0.7 * missed + 0.3 * false + 1)
    check(FocalTversky(), pair, ((1 - index) ** 0.75).mean())


@given_logits_and_mask
def test_log_cosh_dice(pair: Pair) -> None:
    p, t = sigmoid(pair[0]), pair[1].astype(float)
    check(LogCoshDice(), pair, np.log(np.cosh(1 - dice(p, t, per_class(p), 1))).mean())


@given_logits_and_mask
def test_exp_log(pair: Pair) -> None:
    p, t = sigmoid(pair[0]), pair[1].astype(float)
    of_dice = (-np.log(dice(p, t, per_class(p), 1))) ** 0.3
    of_pixels = np.zeros(p.shape)
    for image, channel in np.ndindex(p.shape[:2]):
        for label in (False, True):
            here = pair[1][image, channel] == label
            if here.any():
                right = p[image, channel][here] if label else 1 - p[image, channel][here]
                of_pixels[image, channel][here] = np.sqrt(1 / here.mean()) * (-np.log(right)) ** 0.3
    check(ExpLog(), pair, 0.8 * of_dice.mean() + 0.2 * of_pixels.mean())
    check(ExpLog(0, 1), pair, of_pixels.mean())


def test_misses_weigh_as_told() -> None:
    target = torch.zeros(1, 1, 10, 10)
    target[..., :5, :] = 1
    missing, inventing = torch.full_like(target, -4.0), torch.full_like(target, 4.0)
    for name, options in [("focal_tversky", {"alpha": 0.9}), ("combo", {"alpha": 1.0, "beta": 0.9})]:
        loss = build_loss(name, options)
        assert loss(missing, target) > loss(inventing, target)


@pytest.mark.parametrize("strength", [5.0, 20.0, 100.0])
def test_an_inverted_prediction_still_learns(strength: float) -> None:
    target = torch.zeros(2, 1, 16, 16)
    target[:, :, 2:7, 1:5] = 1
    logits = (-strength * (2 * target - 1)).requires_grad_()
    build_loss("bce_dice")(logits, target).backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    assert (logits.grad * (2 * target - 1) < 0).all(), "each pixel must be pushed to the side of its truth"
