"""UNet 3+'s hybrid loss: MS-SSIM against a plain second writing, gradients where others have none, small images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from monaiseg.losses import HybridLoss, StructureLoss

WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def ms_ssim(x: np.ndarray, y: np.ndarray, window: int, scales: int, luminance_everywhere: bool) -> float:
    """MS-SSIM of two arrays of equal shape, in float64, from Wang et al. 2003."""
    weights = WEIGHTS[:scales] / WEIGHTS[:scales].sum()
    taps = np.exp(-((np.arange(window) - window // 2) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()

    def blur(a: np.ndarray) -> np.ndarray:
        for axis in range(a.ndim):
            a = ndimage.correlate1d(a, taps, axis=axis)
        return a[(slice(window // 2, -(window // 2)),) * a.ndim]

    def halve(a: np.ndarray) -> np.ndarray:
        for axis in range(a.ndim):
            even = a.take(range(a.shape[axis] // 2 * 2), axis)
            a = 0.5 * (even.take(range(0, even.shape[axis], 2), axis) + even.take(range(1, even.shape[axis], 2), axis))
        return a

    result = 1.0
    for scale in range(scales):
        x, y = (x, y) if scale == 0 else (halve(x), halve(y))
        mx, my = blur(x), blur(y)
        contrast = (2 * (blur(x * y) - mx * my) + 0.03**2) / (blur(x * x) - mx**2 + blur(y * y) - my**2 + 0.03**2)
        luminance = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
        full = luminance_everywhere or scale == scales - 1
        result *= ((1 + (contrast * luminance if full else contrast).mean()) / 2) ** weights[scale]
    return result


@pytest.mark.parametrize("luminance_everywhere", [False, True])
@pytest.mark.parametrize(
    ("size", "window", "scales"),
    [((176, 180), 11, 5), ((96, 97), 5, 5), ((40, 61), 5, 4), ((64, 65, 66), 3, 5)],
)
def test_structure_is_ms_ssim(size, window, scales, luminance_everywhere):
    rng = np.random.default_rng(0)
    x, y = rng.random(size), (ndimage.gaussian_filter(rng.random(size), 3) > 0.5).astype(float)
    ours = StructureLoss(luminance_everywhere)(*(torch.tensor(a, dtype=torch.float32)[None, None] for a in (x, y)))
    assert ours.item() == pytest.approx(1 - ms_ssim(x, y, window, scales, luminance_everywhere), abs=1e-5)


def masks(*size: int) -> torch.Tensor:
    target = torch.zeros(2, 1, *size)
    target[(..., *(slice(2, s // 2) for s in size))] = 1
    return target


@pytest.mark.parametrize("size", [(96, 96), (64, 64, 64), (7, 9), (4, 4)])
def test_equal_masks_cost_nothing_and_inverted_ones_teach(size):
    target = masks(*size)
    assert StructureLoss()(target, target).item() == pytest.approx(0, abs=1e-6)
    assert HybridLoss()(60 * (2 * target - 1), target).item() == pytest.approx(0, abs=1e-4)
    logits = (-3 * (2 * target - 1)).requires_grad_()
    HybridLoss()(logits, target).backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().amax((1, *range(2, target.ndim))).min() > 0


@pytest.mark.parametrize("prediction", ["random", "inverted"])
def test_structure_alone_has_a_gradient_where_monais_has_none(prediction):
    target = masks(176, 176)
    x = (torch.rand(target.shape) if prediction == "random" else 0.01 + 0.98 * (1 - target)).requires_grad_()
    StructureLoss()(x, target).backward()
    assert x.grad.isfinite().all()
    assert x.grad.norm() > 0


def test_nothing_predicted_where_nothing_is_costs_nothing():
    empty = torch.zeros(1, 1, 32, 32)
    assert HybridLoss()(empty - 60, empty).item() == pytest.approx(0, abs=1e-5)
    assert HybridLoss()(empty + 60, empty).item() > 1


def test_the_terms_add_up_each_channel_a_class_of_its_own():
    logits, target = torch.randn(2, 2, 24, 24), torch.cat([masks(24, 24), 1 - masks(24, 24)], 1)
    p = torch.sigmoid(logits)
    matched = p * target + (1 - p) * (1 - target)
    focal = (-((1 - matched) ** 2) * matched.log()).mean()
    shared = (p * target).sum((2, 3))
    iou = (shared / (p.sum((2, 3)) + target.sum((2, 3)) - shared)).mean()
    expected = focal + StructureLoss()(p, target) + 1 - iou
    torch.testing.assert_close(HybridLoss()(logits, target), expected)
