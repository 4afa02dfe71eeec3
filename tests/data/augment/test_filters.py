"""Blurs against scipy's filters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from data.augment.cases import alone, applied, blobs, operation
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import convolve, gaussian_filter, median_filter, uniform_filter

from monaiseg.data.augment import Levels
from monaiseg.data.augment.filters import smooth

SHAPES = [(1, 2, 17, 23), (1, 1, 9, 8, 11)]


def blurred(image: torch.Tensor, name: str, index: int = 0, **parameters: object) -> np.ndarray:
    return applied(alone(name, **parameters), image, image[:, :1], [(0, 0, index)])[0][0].numpy()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [3, 5, 7])
def test_a_box_blur_is_scipys(shape: tuple[int, ...], width: int) -> None:
    image, _ = blobs(*shape)
    expected = [uniform_filter(channel, width, mode="mirror") for channel in image[0].numpy()]
    assert np.allclose(blurred(image, "blur", widths=[width]), expected, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_a_gaussian_blur_is_scipys(shape: tuple[int, ...], sigma: float) -> None:
    image, _ = blobs(*shape)
    expected = [gaussian_filter(channel, sigma, mode="mirror", truncate=3) for channel in image[0].numpy()]
    assert np.allclose(blurred(image, "gaussian_blur", sigma=sigma), expected, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [3, 5])
def test_a_median_blur_is_scipys(shape: tuple[int, ...], width: int) -> None:
    image, _ = blobs(*shape)
    expected = [median_filter(channel, width, mode="mirror") for channel in image[0].numpy()]
    assert np.array_equal(blurred(image, "median_blur", widths=[width]), np.stack(expected))


@pytest.mark.parametrize("shape", [(5, 2, 17, 23), (4, 1, 9, 8, 11)])
def test_medians_of_several_widths_are_done_together(shape: tuple[int, ...]) -> None:
    image, _ = blobs(*shape)
    levels, widths = Levels.of(image, True), [5, 3, 3, 7, 5][: len(image)]
    median = operation("median_blur")
    together = median.apply(image, widths, levels)  # type: ignore[attr-defined]
    for case, width in enumerate(widths):
        alone = median.apply(image[[case]], [width], levels)  # type: ignore[attr-defined]
        assert torch.equal(together[[case]], alone)


@given(index=st.integers(0, 1000), width=st.sampled_from([3, 5, 7]))
def test_motion_is_along_a_line_through_the_pixel(index: int, width: int) -> None:
    point = torch.zeros(1, 1, 21, 21)
    point[..., 10, 10] = 1
    streak = blurred(point, "motion_blur", index, widths=[width])[0]
    rows, columns = np.nonzero(streak)
    assert streak.sum() == pytest.approx(1) and streak[10, 10] > 0 and len(set(streak[streak > 0])) == 1
    assert max(np.ptp(rows), np.ptp(columns)) == width - 1 and len(rows) == width
    line = np.linalg.svd(np.stack([rows - 10, columns - 10]).astype(float))[1]
    assert line[1] < 1.2, "the pixels lie on a line"
    image, _ = blobs(1, 1, 21, 21)
    kernel = streak[10 - 3 : 14, 10 - 3 : 14]
    assert np.allclose(
        blurred(image, "motion_blur", index, widths=[width])[0],
        convolve(image[0, 0].numpy(), kernel, mode="mirror"),
        atol=1e-6,
    )


def test_motions_go_in_all_directions() -> None:
    point = torch.zeros(1, 1, 9, 9)
    point[..., 4, 4] = 1
    assert len({blurred(point, "motion_blur", index, widths=[7]).tobytes() for index in range(80)}) >= 8


def test_cases_with_filters_of_different_widths_are_done_together() -> None:
    image, _ = blobs(2, 3, 12, 12)
    taps = [np.full(3, 1 / 3), np.full(7, 1 / 7)]
    together = smooth(image, taps)
    assert torch.equal(together[:1], smooth(image[:1], taps[:1])) and torch.equal(
        together[1:], smooth(image[1:], taps[1:])
    )


@pytest.mark.parametrize("name", ["blur", "gaussian_blur", "motion_blur", "median_blur"])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 9)])
def test_an_even_picture_stays_even_however_small(name: str, size: tuple[int, int]) -> None:
    assert np.allclose(blurred(torch.full((1, 3, *size), 0.7), name), 0.7)
    if name != "motion_blur":
        assert np.allclose(blurred(torch.full((1, 2, 3, *size), 0.7), name), 0.7)
