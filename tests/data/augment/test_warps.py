"""Smooth movement: where pixels go, that labels follow their images, and that fields are as wide as they say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from data.augment.cases import alone, applied, blobs, operation
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from monaiseg.data.augment import Augmentation, Choice, build_augmentation
from monaiseg.data.augment.sampling import warp_grid
from monaiseg.data.augment.warps import CaseWarp

WARPS: dict[str, dict[str, Any]] = {
    "shift_scale_rotate": {},
    "crop_resize": {"margin": 0.3},
    "grid_distortion": {},
    "elastic": {"magnitude": 0.02},
}


def ball(*size: int) -> torch.Tensor:
    """A ball off the centre, `[1, 1, *size]`."""
    places = np.meshgrid(*(np.arange(side) for side in size), indexing="ij")
    middle = [0.4 * side for side in size]
    inside = sum((place - centre) ** 2 for place, centre in zip(places, middle)) < (0.25 * min(size)) ** 2
    return torch.from_numpy(inside[None, None].astype(np.float32))


def moved_pixels(warp: CaseWarp, size: tuple[int, ...]) -> np.ndarray:
    """Where each pixel looks, in pixels, `[D, *size]`."""
    grid = warp_grid([warp], torch.zeros(1, 1, *size))[0].numpy()
    return np.stack([((grid[..., -1 - axis] + 1) * side - 1) / 2 for axis, side in enumerate(size)])


@pytest.mark.parametrize("size", [(40, 56), (20, 24, 18)])
@pytest.mark.parametrize("name", WARPS)
@given(index=st.integers(0, 1000))
def test_the_label_follows_its_image_within_a_pixel(name: str, size: tuple[int, ...], index: int) -> None:
    mask = ball(*size)
    image, label = applied(alone(name, **WARPS[name]), mask, mask.to(torch.uint8), [(0, 0, index)])
    assert label[image > 1 - 1e-4].eq(1).all() and label[image < 1e-4].eq(0).all(), "not one of the nearest pixels"


def test_a_shift_moves_content_by_its_part_of_the_size() -> None:
    image = torch.zeros(1, 1, 40, 80)
    image[..., 20, 40] = 1
    down, _ = applied(alone("shift_scale_rotate", shift=0.1, scale=1, rotate=0), image, image.byte())
    assert np.unravel_index(int(down.argmax()), (40, 80)) == (24, 48)


def test_beyond_the_edge_the_picture_is_mirrored() -> None:
    image, label = blobs(1, 2, 20, 24)
    result, moved = applied(alone("shift_scale_rotate", shift=0.5, scale=1, rotate=0), image, label)
    for before, after in ((image, result), (label, moved)):
        assert torch.allclose(after[..., :10, :12].flip(2, 3).float(), before[..., :10, :12].float(), atol=1e-4)


def test_a_scale_magnifies_about_the_centre() -> None:
    mask = ball(61, 61)
    _, larger = applied(alone("shift_scale_rotate", shift=0, scale=1.5, rotate=0), mask, mask.byte())
    assert larger.sum() == pytest.approx(2.25 * float(mask.sum()), rel=0.02)
    rows = larger[0, 0].nonzero().float().mean(0) - 30
    assert torch.allclose(rows, 1.5 * (mask[0, 0].nonzero().float().mean(0) - 30), atol=0.3)


@pytest.mark.parametrize("size", [(31, 31), (30, 30)])
def test_a_rotation_by_a_right_angle_is_a_quarter_turn(size: tuple[int, int]) -> None:
    image, label = blobs(1, 2, *size)
    for angle, turns in ((90, (1, 3)), (180, (2,))):
        result, moved = applied(alone("shift_scale_rotate", shift=0, scale=1, rotate=angle), image, label)
        close = [torch.allclose(result, image.rot90(turn, (2, 3)), atol=1e-4) for turn in turns]
        exact = [torch.equal(moved, label.rot90(turn, (2, 3))) for turn in turns]
        assert sum(close) == 1 and close == exact


def test_a_rotation_keeps_distances_in_pictures_that_are_not_square() -> None:
    drawn = operation("shift_scale_rotate", shift=0, scale=1, rotate=[20, 40])
    warp = drawn.draw(np.random.default_rng(0), (20, 60, 30))  # type: ignore[attr-defined]
    assert np.allclose(warp.matrix[:, :3] @ warp.matrix[:, :3].T, np.eye(3))
    places = moved_pixels(warp, (20, 60, 30))
    for axis in range(3):
        assert np.allclose(np.linalg.norm(np.diff(places, axis=axis + 1), axis=0), 1, atol=1e-3)


@given(index=st.integers(0, 1000), centre=st.booleans())
def test_a_crop_shows_nothing_from_outside(index: int, centre: bool) -> None:
    drawn = operation("crop_resize", margin=[0.1, 0.4], centre=centre)
    places = moved_pixels(drawn.draw(np.random.default_rng(index), (30, 50)), (30, 50))  # type: ignore[attr-defined]
    for axis, side in enumerate((30, 50)):
        low, high = places[axis].min(), places[axis].max()
        assert low >= -0.51 and high <= side - 0.49 and 0.6 * side - 1.01 <= high - low <= 0.9 * side
        assert not centre or low + high == pytest.approx(side - 1, abs=1e-3)


@given(index=st.integers(0, 1000), limit=st.floats(0.05, 0.95))
def test_a_distorted_grid_keeps_its_order_and_its_ends(index: int, limit: float) -> None:
    drawn = operation("grid_distortion", limit=limit)
    places = moved_pixels(drawn.draw(np.random.default_rng(index), (40, 64)), (40, 64))  # type: ignore[attr-defined]
    for axis, side in enumerate((40, 64)):
        steps = np.diff(places[axis], axis=axis)
        assert steps.min() > 0 and np.allclose(places[axis], np.take(places[axis], [0], axis=1 - axis), atol=1e-3)
        assert places[axis].min() > -0.5 and places[axis].max() < side - 0.5


@pytest.mark.parametrize("size", [(128, 96), (32, 36, 30)])
def test_an_elastic_field_deviates_and_bends_as_it_says(size: tuple[int, ...]) -> None:
    magnitude, smoothness = 0.02, 0.06
    drawn = operation("elastic", magnitude=magnitude, smoothness=smoothness)
    still = np.stack(np.meshgrid(*(np.arange(side) for side in size), indexing="ij"))
    warps = [drawn.draw(np.random.default_rng(seed), size) for seed in range(40)]  # type: ignore[attr-defined]
    fields = np.stack([moved_pixels(warp, size) - still for warp in warps]) / min(size)
    assert fields.std() == pytest.approx(magnitude, rel=0.1) and abs(fields.mean()) < magnitude / 10
    assert np.allclose(fields.std((0, 1)), magnitude, rtol=0.5), "as strong at the edge as in the middle"
    bend = np.diff(fields, axis=-1).std() * min(size)
    noise = gaussian_filter(
        np.random.default_rng(0).standard_normal((40, *size)), (0, *[smoothness * min(size)] * len(size))
    )
    assert bend == pytest.approx(np.diff(noise, axis=-1).std() / noise.std() * magnitude * min(size), rel=0.15)


def test_warps_are_composed_in_the_order_of_the_list() -> None:
    rng = np.random.default_rng(0)
    shift = operation("shift_scale_rotate", shift=0.2, scale=1, rotate=0)
    turn = operation("shift_scale_rotate", shift=0, scale=1, rotate=90)
    both = [each.draw(rng, (20, 20)) for each in (shift, turn)]  # type: ignore[attr-defined]
    mask = torch.zeros(1, 1, 20, 20)
    mask[..., 5, 9] = 1
    once, _ = applied(Augmentation([Choice(1, (shift,)), Choice(1, (turn,))]), mask, mask.byte())
    after_shift, _ = applied(Augmentation([Choice(1, (shift,))]), mask, mask.byte())
    after_both, _ = applied(Augmentation([Choice(1, (turn,))]), after_shift, mask.byte())
    assert torch.allclose(once, after_both, atol=1e-4)
    assert math.isclose(np.linalg.det(both[0].then(both[1]).matrix[:, :2]), 1)


def test_several_warps_cost_one_resampling() -> None:
    """A bright pixel that is resampled twice is smeared over more than four."""
    names = [{"name": "shift_scale_rotate", "p": 1}, {"name": "crop_resize", "p": 1}, {"name": "elastic", "p": 1}]
    image = torch.zeros(1, 1, 33, 33)
    image[..., 16, 16] = 1
    for index in range(5):
        smeared, _ = applied(build_augmentation(names, 2, 1), image, image.byte(), [(0, 0, index)])
        assert 1 <= (smeared > 1e-4).sum() <= 6
