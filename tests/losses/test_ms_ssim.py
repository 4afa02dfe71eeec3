"""MS-SSIM against scikit-image and a plain second writing, gradients where others have none, small images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.metrics import structural_similarity

from monaiseg.errors import ConfigError
from monaiseg.losses import MultiScaleSSIM

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
def test_it_is_ms_ssim(size, window, scales, luminance_everywhere):
    rng = np.random.default_rng(0)
    x, y = rng.random(size), (ndimage.gaussian_filter(rng.random(size), 3) > 0.5).astype(float)
    ours = MultiScaleSSIM(paper_luminance=luminance_everywhere)(
        *(torch.tensor(a, dtype=torch.float32)[None, None] for a in (x, y))
    )
    assert ours.item() == pytest.approx(1 - ms_ssim(x, y, window, scales, luminance_everywhere), abs=1e-5)


@pytest.mark.parametrize("kind", ["random", "mask", "opposed"])
@pytest.mark.parametrize("size", [(64, 49), (20, 19, 21)])
def test_at_one_scale_it_is_scikit_images(size, kind):
    rng = np.random.default_rng(1)
    y = (ndimage.gaussian_filter(rng.random(size), 3) > 0.5).astype(float)
    x = {"random": rng.random(size), "mask": np.clip(ndimage.gaussian_filter(y, 1), 0, 1), "opposed": 0.9 - 0.8 * y}[
        kind
    ]
    theirs = structural_similarity(x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1)
    ours = MultiScaleSSIM(scales=1)(*(torch.tensor(a, dtype=torch.float32)[None, None] for a in (x, y)))
    assert 1 - 2 * ours.item() == pytest.approx(theirs, abs=1e-5)


def test_the_number_of_scales_is_checked():
    for scales in (0, 6):
        with pytest.raises(ConfigError, match=f"scales is {scales}; it must be a whole number from 1 to 5"):
            MultiScaleSSIM(scales)


def test_more_scales_than_the_image_has_are_left_out():
    x, y = torch.rand(2, 1, 1, 16, 20)
    assert MultiScaleSSIM(5)(x[None], y[None]) == MultiScaleSSIM(3)(x[None], y[None])


def masks(*size: int) -> torch.Tensor:
    target = torch.zeros(2, 1, *size)
    target[(..., *(slice(2, s // 2) for s in size))] = 1
    return target


@pytest.mark.parametrize("size", [(96, 96), (64, 64, 64), (7, 9), (4, 4)])
def test_equal_masks_cost_nothing(size):
    target = masks(*size)
    assert MultiScaleSSIM()(target, target).item() == pytest.approx(0, abs=1e-6)
    assert MultiScaleSSIM(1)(target, target).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [(176, 176), (96, 96), (64, 64, 64)])
@pytest.mark.parametrize("prediction", ["random", "inverted"])
def test_there_is_a_gradient_where_monais_has_none(prediction, size):
    target = masks(*size)
    x = (torch.rand(target.shape) if prediction == "random" else 0.01 + 0.98 * (1 - target)).requires_grad_()
    MultiScaleSSIM()(x, target).backward()
    assert x.grad.isfinite().all()
    assert x.grad.flatten(1).norm(dim=1).min() > 0
