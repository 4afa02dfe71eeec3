"""UNet 3+'s hybrid loss: three terms that add up."""

from __future__ import annotations

import pytest
import torch

from monaiseg.losses import HybridLoss, MultiScaleSSIM


def masks(*size: int) -> torch.Tensor:
    target = torch.zeros(2, 1, *size)
    target[(..., *(slice(2, s // 2) for s in size))] = 1
    return target


def test_nothing_predicted_where_nothing_is_costs_nothing():
    empty = torch.zeros(1, 1, 32, 32)
    assert HybridLoss()(empty - 60, empty).item() == pytest.approx(0, abs=1e-5)
    assert HybridLoss()(empty + 60, empty).item() > 1


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, None), (1.0, 0.25)])
def test_the_terms_add_up_each_channel_a_class_of_its_own(gamma, alpha):
    logits, target = torch.randn(2, 2, 24, 24), torch.cat([masks(24, 24), 1 - masks(24, 24)], 1)
    p = torch.sigmoid(logits)
    matched = p * target + (1 - p) * (1 - target)
    side = 1 if alpha is None else alpha * target + (1 - alpha) * (1 - target)
    focal = (-side * (1 - matched) ** gamma * matched.log()).mean()
    shared = (p * target).sum((2, 3))
    iou = (shared / (p.sum((2, 3)) + target.sum((2, 3)) - shared)).mean()
    expected = focal + MultiScaleSSIM()(p, target) + 1 - iou
    torch.testing.assert_close(HybridLoss(gamma, alpha)(logits, target), expected)


@pytest.mark.parametrize("size", [(96, 96), (64, 64, 64), (7, 9), (4, 4)])
def test_any_size_is_taken_and_every_image_of_an_inverted_prediction_teaches(size):
    target = masks(*size)
    assert HybridLoss()(60 * (2 * target - 1), target).item() == pytest.approx(0, abs=1e-4)
    logits = (-3 * (2 * target - 1)).requires_grad_()
    HybridLoss()(logits, target).backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().amax((1, *range(2, target.ndim))).min() > 0
