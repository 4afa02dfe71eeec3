"""Smooth movement: where pixels go, that labels follow their images, and that fields are as wide as they say."""

from __future__ import annotations

import dataclasses
import functools
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
from monaiseg.data.augment.movement import AffineMap, CaseWarp, Lines
from monaiseg.data.augment.sampling import resampled, warp_grid
from monaiseg.data.augment.views import Pose

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
    grid = warp_grid(warp, torch.zeros(1, 1, *size))[0].numpy()
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
    linear = warp.steps[0].matrix[:, :3]
    assert np.allclose(linear @ linear.T, np.eye(3))
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


@pytest.mark.parametrize("size", [(128, 96), (40, 48, 36), (64, 64, 12)])
def test_an_elastic_field_deviates_and_bends_as_it_says(size: tuple[int, ...]) -> None:
    magnitude, smoothness = 0.02, 0.06
    drawn = operation("elastic", magnitude=magnitude, smoothness=smoothness)
    still = np.stack(np.meshgrid(*(np.arange(side) for side in size), indexing="ij"))
    warps = [drawn.draw(np.random.default_rng(seed), size) for seed in range(40)]  # type: ignore[attr-defined]
    lengths = np.array(size).reshape(-1, *[1] * len(size))
    fields = np.stack([moved_pixels(warp, size) - still for warp in warps]) / lengths
    assert fields.std() == pytest.approx(magnitude, rel=0.1) and abs(fields.mean()) < magnitude / 10
    assert np.allclose(fields.std((0, 1)), magnitude, rtol=0.5), "as strong at the edge as in the middle"
    widths = [max(2, smoothness * side) for side in size]
    noise = gaussian_filter(np.random.default_rng(0).standard_normal((40, *size)), (0, *widths), mode="wrap")
    for axis in range(1, 1 + len(size)):
        bend = np.diff(fields, axis=axis + 1).std() / magnitude
        assert bend == pytest.approx(np.diff(noise, axis=axis).std() / noise.std(), rel=0.15)


def test_a_flat_crop_is_bent_cheaply_and_neither_torn_nor_folded() -> None:
    size = (128, 128, 16)
    drawn = operation("elastic")
    for seed in range(3):
        warp = drawn.draw(np.random.default_rng(seed), size)  # type: ignore[attr-defined]
        assert warp.steps[0].noise.nbytes < 2**20
        places = moved_pixels(warp, size)
        steps = [np.diff(places[axis], axis=axis) for axis in range(3)]
        assert all(step.min() > 0 for step in steps), "neighbours keep their order"
        assert (places - np.indices(size))[:2].std() > 0.3, "it is seen"


def in_turn(warps: list[CaseWarp], size: tuple[int, ...]) -> np.ndarray:
    """Where each pixel looks after one warp after the other, the last one first, in pixels from the centre."""
    middle = (np.array(size).reshape(-1, *[1] * len(size)) - 1) / 2
    places = np.indices(size) - middle
    for warp in reversed(warps):
        for step in warp.steps:
            if isinstance(step, AffineMap):
                linear, shift = step.matrix[:, :-1], step.matrix[:, -1]
                places = np.tensordot(linear, places, 1) + shift.reshape(middle.shape)
            elif isinstance(step, Lines):
                lines = zip(places, step.knots, step.shifts, strict=True)
                places = np.stack([where + np.interp(where, *line) for where, *line in lines])
            else:
                field = step.noise.astype(np.float64)
                for bells in step.bells:
                    field = np.moveaxis(field, 1, -1) @ bells.T.astype(np.float64)
                places = places + field
    return places


CHAIN: list[tuple[str, dict[str, Any]]] = [
    ("shift_scale_rotate", {"rotate": [30, 60]}),
    ("grid_distortion", {"limit": 0.5}),
    ("elastic", {"magnitude": 0.02}),
    ("crop_resize", {"margin": [0.1, 0.3]}),
]


@pytest.mark.parametrize("size", [(64, 80), (24, 20, 28)])
@given(order=st.lists(st.sampled_from(CHAIN), min_size=2, max_size=4), seed=st.integers(0, 99))
def test_warps_one_after_the_other_are_composed_exactly(size: tuple[int, ...], order: list[Any], seed: int) -> None:
    """A random field is taken at the pixel of the result, wherever that then looks."""
    rng = np.random.default_rng(seed)
    warps = [operation(name, **parameters).draw(rng, size) for name, parameters in order]  # type: ignore[attr-defined]
    whole = functools.reduce(CaseWarp.then, warps)
    expected = in_turn(warps, size)
    middle = (np.array(size).reshape(-1, *[1] * len(size)) - 1) / 2
    assert np.allclose(moved_pixels(whole, size) - middle, expected, atol=1e-3)
    low, high = (end.reshape(middle.shape) for end in whole.reach())
    assert (expected > low - 1e-6).all() and (expected < high + 1e-6).all(), "no place is beyond what is read"


@pytest.mark.parametrize("around", [45, 3])
@pytest.mark.parametrize("size", [(40, 56), (24, 24, 18)])
@given(index=st.integers(0, 500), names=st.sampled_from([*([name] for name in WARPS), list(WARPS)]))
def test_what_surrounds_a_crop_is_seen_where_a_warp_looks_beyond_it(
    size: tuple[int, ...], around: int, index: int, names: list[str]
) -> None:
    """As if the whole image had been warped about the middle of the crop: mirrored only where the image ends."""
    image, label = blobs(1, 2, *(side + around for side in size), seed=index)
    views = [{"name": "crop", "size": list(size), "centre": True}, "flip", "rot90"]
    augmentation = build_augmentation(
        [*views, *({"name": name, "p": 1, **WARPS[name]} for name in names)], len(size), 2
    )
    result, moved = applied(augmentation, image, label, [(0, 0, index)])
    draw = augmentation.draw((0, 0, index), (2, *size))  # the same, where nothing surrounds the crop
    assert draw.warp is not None and draw.pose.shape == size == result.shape[2:]
    whole = Pose.whole(tuple(image.shape[2:]))
    turned = dataclasses.replace(whole, order=draw.pose.order, reverse=draw.pose.reverse)
    off = [-0.5 * (around % 2) if backwards else 0.5 * (around % 2) for backwards in draw.pose.reverse]
    expected, expected_label = resampled(
        turned.of(image[0])[None], turned.of(label[0])[None], draw.warp.seen_from(np.array(off))
    )
    assert torch.allclose(result, expected, atol=1e-3)
    assert expected_label is not None and (moved != expected_label).float().mean() < 0.002, "but for ties"


def test_nothing_inside_an_image_is_mirrored() -> None:
    """Counted on a ramp: a place that looks at a mirrored pixel shows a smaller value than it should."""
    rows = torch.arange(200.0).reshape(1, 1, -1, 1).expand(1, 1, 200, 200).contiguous()
    augmentation = build_augmentation(
        [{"name": "shift_scale_rotate", "p": 1, "shift": 0.25, "rotate": 0, "scale": 0.8}], 2, 1, crop=(64, 64)
    )
    found = [applied(augmentation, rows, rows.byte(), [(0, 0, index)], bounded=False)[0] for index in range(40)]
    spans = torch.stack([values[0, 0].diff(dim=0) for values in found])
    mirrored = [(each - 1 / 0.8).abs().max() > 1e-2 for each in spans]
    assert 0 < sum(bool(each) for each in mirrored) < 20, "only crops near the edge of the image"


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
    (joined,) = both[0].then(both[1]).steps
    assert math.isclose(np.linalg.det(joined.matrix[:, :2]), 1), "one matrix"


def test_several_warps_cost_one_resampling() -> None:
    """A bright pixel that is resampled twice is smeared over more than four."""
    names = [{"name": "shift_scale_rotate", "p": 1}, {"name": "crop_resize", "p": 1}, {"name": "elastic", "p": 1}]
    image = torch.zeros(1, 1, 33, 33)
    image[..., 16, 16] = 1
    for index in range(5):
        smeared, _ = applied(build_augmentation(names, 2, 1), image, image.byte(), [(0, 0, index)])
        assert 1 <= (smeared > 1e-4).sum() <= 6
