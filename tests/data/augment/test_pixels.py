"""Gamma, CLAHE, noise, holes and lower resolution: what they do to intensities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from data.augment.cases import alone, applied, blobs, operation
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monaiseg.data.augment import Levels


@given(gamma=st.floats(0.2, 5))
def test_gamma_is_a_power(gamma: float) -> None:
    image, label = blobs(2, 3, 9, 11)
    image[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    result, _ = applied(alone("gamma", gamma=gamma), image, label)
    assert torch.allclose(result, image.double().pow(gamma).float(), atol=2e-6)
    volume = 40 * image - 7
    result, _ = applied(alone("gamma", gamma=gamma), volume, label, bounded=False)
    low, high = volume.amin((1, 2, 3), keepdim=True), volume.amax((1, 2, 3), keepdim=True)
    assert torch.allclose(result, ((volume - low) / (high - low)).pow(gamma) * (high - low) + low, atol=1e-3)


def test_gamma_brightens_as_often_as_it_darkens() -> None:
    drawn = operation("gamma", gamma=[0.5, 3])
    powers = np.array([drawn.draw(np.random.default_rng(seed), (8, 8)) for seed in range(300)])  # type: ignore[attr-defined]
    assert 120 < (powers < 1).sum() < 180 and powers.min() >= 0.5 and 2.5 < powers.max() <= 3


def test_noise_is_in_deviations_of_the_case() -> None:
    image = torch.zeros(2, 2, 64, 64)
    levels = Levels(torch.zeros(2, 2), torch.tensor([[1.0, 10.0], [0.1, 0.0]]), bounded=False)
    noise, _ = alone("gaussian_noise", sigma=0.5)(image, None, [(0,), (1,)], levels)
    assert np.allclose(noise.std((2, 3)), 0.5 * levels.std, rtol=0.05)
    assert stats.kstest(noise[0, 0].flatten().numpy() / 0.5, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise[0, 0].flatten(), noise[0, 1].flatten())[0, 1]) < 0.1


@pytest.mark.parametrize("size", [(64, 48), (24, 20, 22)])
def test_holes_are_as_many_and_as_wide_as_they_say(size: tuple[int, ...]) -> None:
    image, label = torch.ones(20, 2, *size), torch.ones(20, 1, *size)
    result, moved = applied(alone("coarse_dropout", holes=3, width=0.25), image, label)
    side = int(np.ceil(0.25 * min(size)))
    volumes = (result[:, 0] == 0).flatten(1).sum(1)
    assert volumes.min() >= side ** len(size) and volumes.max() <= 3 * side ** len(size)
    assert torch.equal(moved, label) and torch.equal(result[:, 0], result[:, 1]) and len(volumes.unique()) > 1


def test_holes_can_have_the_mean_of_the_case() -> None:
    image = torch.rand(1, 3, 32, 32)
    result, _ = applied(alone("coarse_dropout", fill=1), image, image[:, :1])
    changed = (result != image).any(1, keepdim=True).expand(image.shape)
    assert torch.allclose(result[changed].reshape(3, -1).mean(1), image.mean((0, 2, 3)), atol=1e-5)


def test_a_lower_resolution_has_fewer_values() -> None:
    image = torch.rand(1, 1, 32, 40)
    result, _ = applied(alone("low_resolution", zoom=0.25), image, image)
    rough, fine = (each.diff(dim=-1).abs().mean() for each in (image, result))
    assert fine < rough / 3
    small = torch.nn.functional.interpolate(image, (8, 10), mode="nearest-exact")
    expected = torch.nn.functional.interpolate(small, (32, 40), mode="bilinear", align_corners=False)
    assert torch.allclose(result, expected)


def test_clahe_raises_local_contrast_and_keeps_colours() -> None:
    image, label = blobs(1, 3, 64, 64)
    image = 0.4 + 0.1 * image
    result, _ = applied(alone("clahe", clip=3), image, label)
    assert result.std() > 1.5 * image.std()
    shift = result - image
    assert torch.allclose(shift[:, 0], shift[:, 1], atol=1e-5) and torch.allclose(shift[:, 0], shift[:, 2], atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (9, 30), (61, 47), (8, 8)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_clahe_takes_pictures_of_any_size(size: tuple[int, int], channels: int) -> None:
    image, label = blobs(2, channels, *size)
    result, _ = applied(alone("clahe"), image, label)
    assert result.shape == image.shape and result.min() >= 0 and result.max() <= 1
