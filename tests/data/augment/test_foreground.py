"""Crops about the foreground: where they lie, how often, and that nothing moves where nobody asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from batches import equal
from hypothesis import given
from hypothesis import strategies as st
from volumes import body_case

from monaiseg.data import ReadCase, TrainingDataset, build_augmentation, list_cases, training_loader, training_steps
from monaiseg.data.augment import Augmentation, Choice
from monaiseg.data.augment.foreground import ABSENT, KEPT, Foreground, KeepForeground
from monaiseg.data.augment.views import AxisFlip, CropTo, Pose, QuarterTurn
from monaiseg.data.classes import Classes
from monaiseg.errors import ConfigError

TWO = Classes("values", ("head", "tail"), ((1,), (2,)))


def dots(*size: int, places: tuple[tuple[int, ...], ...]) -> npt.NDArray[np.uint8]:
    """A label with a class at each place, `[K, *size]`."""
    label = np.zeros((len(places), *size), np.uint8)
    for channel, place in zip(label, places, strict=True):
        channel[place] = 1
    return label


@pytest.mark.parametrize(
    ("preset", "dims", "crop", "shape", "starts", "names"),
    [
        ("light", 2, (24, 24), (3, 64, 48), [(26, 22), (14, 22)], [("crop", "flip", "flip", "rot90"), ()]),
        ("polyp", 2, (32, 40), (3, 64, 48), [(18, 0), (21, 8)], [("crop", "flip", "flip", "rot90"), ()]),
        ("volume", 3, (8, 12, 10), (1, 20, 24, 18), [(9, 9, 7), (5, 10, 2)], [("crop", "flip", "flip", "flip"), ()]),
    ],
)
def test_without_them_the_draws_of_a_seed_are_those_of_every_version(preset, dims, crop, shape, starts, names) -> None:
    """Written down before there were any: results of bundles that do not ask for them must not move."""
    augmentation = build_augmentation(preset, dims, shape[0], crop)
    for key, start, first in zip([(0, 0, 0), (7, 3, 5)], starts, names, strict=True):
        draw = augmentation.draw(key, shape)
        assert draw.pose.start == start and draw.names[: len(first)] == first


@given(size=st.lists(st.integers(5, 9), min_size=2, max_size=3), data=st.data())
def test_a_crop_has_the_voxel_in_its_middle_or_as_near_as_there_is_room(size: list[int], data: st.DataObject) -> None:
    place = tuple(data.draw(st.integers(0, side - 1)) for side in size)
    crop = tuple(data.draw(st.integers(1, side)) for side in size)
    augmentation = build_augmentation("none", len(size), 1, crop, foreground_crops=1.0)
    pose = augmentation.draw((0, 0, 0), (1, *size), Foreground.of(dots(*size, places=(place,)))).pose
    for start, side, whole, voxel in zip(pose.start, crop, size, place, strict=True):
        assert start == min(max(voxel - side // 2, 0), whole - side)


@given(seed=st.integers(0, 300), dims=st.sampled_from([2, 3]))
def test_a_crop_after_flips_and_turns_still_shows_it(seed: int, dims: int) -> None:
    size = (9, 12, 7)[:dims]
    label = dots(*size, places=((2, 10, 5)[:dims],))
    views = (AxisFlip(), QuarterTurn(), AxisFlip())
    crop = CropTo((3, 3, 3)[:dims], foreground=1.0)
    draw = Augmentation([Choice(0.7, (view,)) for view in views] + [Choice(1, (crop,))]).draw(
        (seed,), (1, *size), Foreground.of(label)
    )
    assert draw.pose.of(torch.from_numpy(label)).sum() == 1


def test_place_of_undoes_the_indexing() -> None:
    values = torch.arange(60).reshape(1, 3, 4, 5)
    pose = Pose.whole((3, 4, 5)).swapped(0, 2).flipped(1).flipped(2).cropped((1, 0, 0), (3, 4, 2)).swapped(1, 2)
    posed = pose.of(values)
    for place in np.argwhere(np.isin(values[0].numpy(), posed.numpy())):
        assert posed[(0, *pose.place_of(place.tolist()))] == values[(0, *place)]


def crops(share: float, label: npt.NDArray[np.uint8], count: int = 800, crop: int = 4) -> list[npt.NDArray[np.uint8]]:
    """The label in the crops of so many draws."""
    dims = label.ndim - 1
    augmentation = build_augmentation("none", dims, 1, (crop,) * dims, share)
    places = Foreground.of(label)
    poses = [augmentation.draw((0, 0, index), (1, *label.shape[1:]), places).pose for index in range(count)]
    return [pose.of(torch.from_numpy(label)).numpy() for pose in poses]


def test_the_share_is_that_of_all_crops() -> None:
    label = dots(40, 40, 40, places=((20, 20, 20),))
    shown = np.mean([bool(part.any()) for part in crops(0.33, label)])
    assert 0.28 < shown < 0.38


def test_classes_are_equally_likely_however_large() -> None:
    label = dots(40, 40, places=((5, 5), (0, 0), (0, 0)))
    label[1, 20:] = 1  # 800 pixels against one; the third is not there
    label[2] = 0
    shown = crops(1.0, label)
    assert 0.45 < np.mean([part[0].any() for part in shown]) < 0.55
    assert all(part[:2].any() for part in shown)


def test_every_part_of_a_class_is_shown() -> None:
    label = dots(30, 30, places=((0, 0),))
    label[0, 4:26, 4:26] = 1
    kept = Foreground.of(label)
    rng = np.random.default_rng(0)
    assert len({kept.draw(rng) for _ in range(3000)}) > 0.6 * label.sum()
    assert np.mean([part.mean() for part in crops(1.0, label, 300)]) > 0.8


def test_a_case_without_foreground_is_cropped_anywhere() -> None:
    label = np.zeros((2, 12, 12), np.uint8)
    places = Foreground.of(label)
    assert (places.voxels == ABSENT).all() and places.draw(np.random.default_rng(0)) is None
    augmentation = build_augmentation("none", 2, 1, (6, 6), 1.0)
    starts = {augmentation.draw((0, 0, index), (1, 12, 12), places).pose.start for index in range(400)}
    assert starts == {(row, column) for row in range(7) for column in range(7)}


def test_what_is_kept_is_little_and_always_the_same() -> None:
    label = np.ones((2, 60, 60, 60), np.uint8)
    places = Foreground.of(label)
    assert places.voxels.shape == (2, KEPT) and places.voxels.nbytes == 2 * KEPT * 4
    assert np.array_equal(places.voxels, Foreground.of(label).voxels)
    middles = np.mean(np.unravel_index(places.voxels[0], (60, 60, 60)), axis=1)
    assert np.abs(middles - 29.5).max() < 3, "drawn evenly"


@pytest.mark.parametrize("share", [-0.1, 1.1, "0.3", True, None])
def test_a_share_is_from_0_to_1(share: object) -> None:
    with pytest.raises(ConfigError, match=r"^foreground_crops is .*; it must be a share from 0 to 1$"):
        build_augmentation("none", 2, 1, (4, 4), share)  # type: ignore[arg-type]


def test_a_crop_cannot_be_central_and_about_the_foreground() -> None:
    with pytest.raises(ConfigError, match="crop has centre and foreground"):
        build_augmentation([{"name": "crop", "size": [4, 4], "centre": True, "foreground": 0.5}], 2, 1)


class Sizes:
    """The settings that the steps look at."""

    image_size, spacing = None, None

    def __init__(self, roi_size: tuple[int, ...]) -> None:
        self.roi_size = roi_size


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("volumes")
    for seed in range(5):
        body_case(root, f"case_{seed}", (2, 2, 2), seed=seed)
    return root


def dataset(root: Path, roi: tuple[int, ...], share: float = 0.5, augment: str = "volume") -> TrainingDataset:
    read = ReadCase(3, 1, 2, TWO)
    return TrainingDataset(
        list_cases(root)[1],
        training_steps(read, Sizes(roi)),
        build_augmentation(augment, 3, 1, roi, share),
        seed=3,
    )


def test_a_case_depends_on_its_key_alone(volumes: Path) -> None:
    """Not on its batch, the order or the workers."""
    whole = dataset(volumes, (8, 8, 8))
    keys = [(4, index) for index in (2, 0, 4, 1)]
    batch = whole.finish(whole.__getitems__(keys))
    for place, key in enumerate(keys):
        alone = whole[key]
        assert all(torch.equal(batch[name][place], alone[name]) for name in ("image", "label"))
    loaded = [[dict(batch) for batch in training_loader(whole, 2, workers, seed=1)] for workers in (0, 2)]
    assert equal(*loaded)
    assert equal(dataset(volumes, (8, 8, 8))[(1, 2)], whole[(1, 2)])


def test_they_show_more_foreground_and_only_where_they_are_asked_for(volumes: Path) -> None:
    def shown(share: float) -> float:
        cases = dataset(volumes, (4, 4, 4), share, "none")
        return float(
            np.mean(
                [cases[(epoch, index)]["label"].amax(0).float().mean() for epoch in range(20) for index in range(5)]
            )
        )

    assert shown(1.0) > 1.5 * shown(0.0)
    assert "foreground" not in dataset(volumes, (6, 6, 6), 0.0).prepared(0)
    assert dataset(volumes, (6, 6, 6)).prepared(0)["foreground"].dtype == torch.int32


def test_crops_larger_than_the_image_are_padded(volumes: Path) -> None:
    cases = dataset(volumes, (24, 24, 24), 1.0)
    for epoch in range(4):
        item = cases[(epoch, 1)]
        assert item["image"].shape == (1, 24, 24, 24) and item["label"].shape == (2, 24, 24, 24)


def test_pictures_as_well(tmp_path: Path, write_pairs: Callable[..., Path]) -> None:
    cases = list_cases(write_pairs(tmp_path, 3))[1]
    both = [
        TrainingDataset(cases, ReadCase(2, 3, 1), build_augmentation("light", 2, 3, (12, 12), share))
        for share in (0, 1)
    ]
    shown = [np.mean([part[(epoch, 0)]["label"].float().mean() for epoch in range(40)]) for part in both]
    assert shown[1] > 1.3 * shown[0]


def test_further_channels_of_a_label_are_no_classes() -> None:
    """A border channel, say, in which crops would otherwise be centred."""
    label = torch.from_numpy(dots(6, 7, places=((1, 2), (4, 5))))
    item = {"label": torch.cat([label, torch.full((1, 6, 7), 255, dtype=torch.uint8)])}
    assert len(KeepForeground()(item)["foreground"]) == 3
    assert len(KeepForeground()(item | {"classes": 2})["foreground"]) == 2
