"""Flips, quarter turns and crops: exact, composed, and the same for image and label."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from data.augment.cases import alone, applied, operation, turned
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.data.augment import Augmentation, Choice, build_augmentation
from monaiseg.data.augment.views import Pose
from monaiseg.errors import ConfigError


def numbered(*shape: int) -> torch.Tensor:
    return torch.arange(int(np.prod(shape)), dtype=torch.float32).reshape(shape)


@pytest.mark.parametrize("size", [(5, 5), (4, 6), (3, 3, 3), (3, 4, 3)])
def test_light_gives_every_flip_and_quarter_turn_and_nothing_else(size: tuple[int, ...]) -> None:
    augmentation = build_augmentation(["flip", "rot90"], len(size), 1)
    image = numbered(1, *size)
    seen = set()
    for index in range(900):
        moved = augmentation.draw((0, 0, index), image.shape).pose.of(image)
        assert moved.is_contiguous() and moved.shape == image.shape
        seen.add(moved.numpy().tobytes())
    every = {view.contiguous().numpy().tobytes() for view in turned(image)}
    assert seen <= every and len(seen) == len(every)


@given(seed=st.integers(0, 500), name=st.sampled_from(["flip", "rot90", "transpose"]))
def test_image_and_label_move_alike(seed: int, name: str) -> None:
    for size in ((6, 6), (4, 7)):
        image = numbered(2, 3, *size)
        result, moved = applied(alone(name), image, image[:, :1].clone(), [(seed, 0, 0), (seed, 0, 1)], bounded=False)
        assert torch.equal(result[:, :1], moved) and not torch.equal(result, image)


@given(
    size=st.lists(st.integers(2, 6), min_size=2, max_size=3),
    steps=st.lists(st.tuples(st.sampled_from("fsc"), st.randoms(use_true_random=False)), max_size=6),
)
def test_poses_compose_as_their_indexing_does(size: list[int], steps: list[tuple[str, object]]) -> None:
    values = numbered(2, *size).numpy()
    pose, expected, dims = Pose.whole(tuple(size)), values, len(size)
    for kind, random in steps:
        one, other = random.sample(range(dims), 2)  # type: ignore[attr-defined]
        if kind == "f":
            pose, expected = pose.flipped(one), np.flip(expected, one + 1)
        elif kind == "s":
            pose, expected = pose.swapped(one, other), np.swapaxes(expected, one + 1, other + 1)
        else:
            starts = [random.randrange(side) for side in expected.shape[1:]]  # type: ignore[attr-defined]
            sizes = [random.randint(1, side - start) for side, start in zip(expected.shape[1:], starts)]  # type: ignore[attr-defined]
            pose = pose.cropped(tuple(starts), tuple(sizes))
            expected = expected[(slice(None), *(slice(a, a + n) for a, n in zip(starts, sizes)))]
    assert pose.shape == expected.shape[1:]
    assert np.array_equal(pose.of(torch.from_numpy(values)).numpy(), expected)


@given(
    size=st.lists(st.integers(4, 9), min_size=2, max_size=3),
    steps=st.lists(st.tuples(st.booleans(), st.randoms(use_true_random=False)), max_size=4),
    more=st.randoms(use_true_random=False),
)
def test_a_grown_pose_holds_what_it_was_where_it_says(
    size: list[int], steps: list[tuple[bool, object]], more: object
) -> None:
    values, dims = numbered(1, *size), len(size)
    pose = Pose.whole(tuple(size)).cropped((1,) * dims, tuple(more.randint(1, side - 2) for side in size))  # type: ignore[attr-defined]
    for flip, random in steps:
        one, other = random.sample(range(dims), 2)  # type: ignore[attr-defined]
        pose = pose.flipped(one) if flip else pose.swapped(one, other)
    before, after = ([more.randint(0, 5) for _ in size] for _ in range(2))  # type: ignore[attr-defined]
    grown, centre = pose.grown(before, after, size)
    inner = pose.of(values)
    outer = grown.of(values)
    starts = [round((o - i) / 2 - c) for o, i, c in zip(outer.shape[1:], inner.shape[1:], centre, strict=True)]
    for axis, (first, side) in enumerate(zip(starts, inner.shape[1:], strict=True)):
        assert 0 <= first <= before[axis] and outer.shape[axis + 1] - first - side <= after[axis]
        outer = outer.narrow(axis + 1, first, side)
    assert torch.equal(outer, inner)
    everything, _ = pose.grown([9] * dims, [9] * dims, size)
    assert everything.of(values).numel() == values.numel(), "as far as the source goes and no farther"


def test_a_pose_moves_bytes_too() -> None:
    image = torch.randint(0, 255, (3, 4, 4), dtype=torch.uint8)
    pose = Pose.whole((4, 4)).swapped(0, 1).flipped(1)
    assert torch.equal(pose.of(image), image.transpose(1, 2).flip(2)) and pose.of(image).dtype == torch.uint8


def test_what_is_left_where_it_is_is_not_copied() -> None:
    image = numbered(1, 4, 4)
    assert Pose.whole((4, 4)).of(image) is image


@pytest.mark.parametrize("centre", [False, True])
def test_crops_are_of_the_size_and_inside(centre: bool) -> None:
    image = numbered(3, 1, 9, 12)
    result, moved = applied(alone("crop", size=[5, 6], centre=centre), image, image.clone(), bounded=False)
    assert result.shape == (3, 1, 5, 6) and torch.equal(result, moved)
    rows, columns = result[:, 0, 0, 0].remainder(108) // 12, result[:, 0, 0, 0] % 12
    if centre:
        assert rows.tolist() == [2] * 3 and columns.tolist() == [3] * 3
    else:
        assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) > 1


def test_what_follows_a_crop_is_drawn_for_its_size() -> None:
    augmentation = build_augmentation([{"name": "elastic", "p": 1}, {"name": "crop", "p": 1, "size": [8, 10]}], 2, 1)
    result, moved = applied(augmentation, torch.rand(2, 1, 20, 30), torch.ones(2, 1, 20, 30))
    assert result.shape == (2, 1, 8, 10) and moved.eq(1).all()


@pytest.mark.parametrize("size", [[9, 12, 3], [10, 12]])
def test_a_crop_that_does_not_fit_is_refused(size: list[int]) -> None:
    with pytest.raises(
        ConfigError, match=r"crop\.size is .*(\[9, 12\].*; give at most that|give 2 entries, one an axis)"
    ):
        alone("crop", size=size).draw((0,), (1, 9, 12))


def test_a_flip_of_an_axis_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="flip has axis 2; axes go from 0 to 1"):
        Augmentation([Choice(1, (operation("flip", axis=2),))]).draw((0,), (1, 9, 12))


@pytest.mark.parametrize(("name", "dims", "count"), [("flip", 2, 2), ("flip", 3, 3), ("rot90", 2, 1), ("rot90", 3, 3)])
def test_in_one_of_every_axis_and_plane_is_as_likely(name: str, dims: int, count: int) -> None:
    augmentation = build_augmentation([{"name": "one_of", "p": 1, "of": [name, "gamma"]}], dims, 1)
    image = numbered(1, *[3] * dims)
    drawn = [augmentation.draw((0, 0, index), image.shape) for index in range(1500)]
    chosen = [draw.pose for draw in drawn if draw.names == (name,)]
    assert len(chosen) / len(drawn) == pytest.approx(0.5, abs=0.05), "as likely as the other operation, not more"
    planes = list(itertools.combinations(range(dims), 2))
    views = [[image.flip(axis + 1)] for axis in range(dims)] if name == "flip" else []
    views = views or [[image.rot90(turns, (a + 1, b + 1)) for turns in (1, 2, 3)] for a, b in planes]
    shares = [np.mean([any(torch.equal(pose.of(image), view) for view in each) for pose in chosen]) for each in views]
    assert len(shares) == count and np.allclose(shares, 1 / count, atol=0.07)


def test_a_volume_turns_in_every_plane() -> None:
    image = numbered(1, 3, 3, 3)
    for plane in itertools.combinations(range(3), 2):
        augmentation = alone("rot90", plane=list(plane))
        found = {augmentation.draw((0, 0, i), image.shape).pose.of(image).numpy().tobytes() for i in range(60)}
        axes = [axis + 1 for axis in plane]
        assert found == {image.rot90(turns, axes).contiguous().numpy().tobytes() for turns in (1, 2, 3)}
