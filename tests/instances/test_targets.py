"""The channels that are learnt, worked out by hand on tiny maps, and that they follow a case into its batch."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from touching import balls

from monaiseg.data import Case, ReadCase, RespaceCase, TrainingDataset, build_augmentation, list_cases, write_generated
from monaiseg.data.classes import OBJECTS
from monaiseg.data.spacing import relative_spacing
from monaiseg.data.steps import training_steps
from monaiseg.instances import ChannelTargets, InstancePlan
from monaiseg.instances.targets import TARGETS, border_levels, distance_levels

BOTH = InstancePlan(("border", "distance"), "border")


def row(text: str) -> np.ndarray:
    return np.array([[int(c) for c in text]], np.int32)


@pytest.mark.parametrize(
    ("ids", "border"),
    [
        ("111111222222", "000011110000"),  # two pixels on each side of where they touch
        ("111100022220", "000001000000"),  # of a gap what lies within two pixels of both
        ("111000002222", "000000000000"),
        ("0011100", "0000000"),  # no contour of an object alone: small ones would be nothing else
        ("1213", "1111"),
        ("0000", "0000"),
    ],
)
def test_the_border_lies_where_two_objects_touch(ids: str, border: str) -> None:
    assert (border_levels(row(ids)) // 255).tolist() == row(border).tolist()


def test_the_distance_is_that_to_the_objects_own_edge_by_its_largest() -> None:
    levels = distance_levels(row("0111112222000300")).tolist()
    # 1 lies against 2: its edge is there too. 3 is one pixel.
    assert levels == [[0, 85, 170, 255, 170, 85, 128, 255, 255, 128, 0, 0, 0, 255, 0, 0]]


def test_the_border_of_the_image_is_no_edge() -> None:
    assert distance_levels(row("1110000022")).tolist() == [[255, 170, 85, 0, 0, 0, 0, 0, 128, 255]]
    assert distance_levels(np.ones((3, 4), np.int32)).tolist() == [[255] * 4] * 3


def test_a_volume_has_the_same_channels() -> None:
    ids = np.zeros((7, 7, 7), np.int32)
    ids[1:6, 1:6, 1:6] = 4
    levels = distance_levels(ids)
    assert levels[3, 3, 3] == 255 and levels[1, 3, 3] == 85 and levels[0, 3, 3] == 0
    assert not border_levels(ids).any()
    ids[1:6, 1:6, 4:6] = 9
    assert border_levels(ids)[3, 3].tolist() == [0, 0, 255, 255, 255, 255, 0]


def test_a_large_id_costs_no_more_than_a_small_one() -> None:
    ids = row("0111112222000300")
    sparse = np.where(ids > 1, ids * 5_000_000, ids)
    tracemalloc.start()
    levels = distance_levels(sparse)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(levels, distance_levels(ids)) and peak < 2**20


SMALL_MAPS = arrays(np.int32, array_shapes(min_dims=2, max_dims=3, max_side=8), elements=st.integers(0, 4))


@given(SMALL_MAPS, st.lists(st.floats(0.3, 5), min_size=3, max_size=3))
def test_distances_are_in_millimetres(ids: np.ndarray, lengths: list[float]) -> None:
    """Voxel by voxel: to the nearest one that is not the object's."""
    spacing = lengths[: ids.ndim]
    levels = distance_levels(ids, spacing)
    places = np.moveaxis(np.indices(ids.shape), 0, -1) * relative_spacing(spacing)
    for number in np.unique(ids[(ids > 0) & (ids.min() != ids.max())]):
        own, others = places[ids == number], places[ids != number]
        near = np.linalg.norm(own[:, None] - others, axis=-1).min(1)
        assert np.abs(levels[ids == number] - 255 * near / near.max()).max() <= 0.5 + 1e-6


def test_a_border_is_as_wide_in_millimetres_along_every_axis() -> None:
    """But a voxel at least, or what lies on each other in thick slices would have none."""
    ids = row("111111222222")
    for spacing, border in (((3, 1), "000011110000"), ((1, 2), "000001100000"), ((1, 9), "000001100000")):
        assert (border_levels(ids, spacing) // 255).tolist() == row(border).tolist()
    assert border_levels(ids.T, (1, 2)).sum() == 255 * 4


@given(SMALL_MAPS, st.floats(0.3, 5))
def test_voxels_that_are_cubes_are_as_pixels(ids: np.ndarray, length: float) -> None:
    for levels in (border_levels, distance_levels):
        assert np.array_equal(levels(ids), levels(ids, [length, length * (1 + 1e-7), length][: ids.ndim]))


@given(SMALL_MAPS)
def test_every_object_has_a_centre_and_only_objects_have_distances(ids: np.ndarray) -> None:
    levels = distance_levels(ids)
    assert np.array_equal(levels > 0, ids > 0)
    assert all(levels[ids == number].max() == 255 for number in np.unique(ids[ids > 0]))


def test_the_label_has_the_classes_then_each_channel_of_each_class() -> None:
    ids = torch.tensor([[[1, 1, 2, 2]], [[0, 0, 0, 3]]], dtype=torch.int32)
    item = {"image": 0, "label": (ids > 0).byte(), "instances": ids, "spacing": torch.ones(2)}
    made = ChannelTargets(BOTH)(item)
    assert "instances" not in made and made["label"].dtype == torch.uint8
    assert made["label"].squeeze(1).tolist() == [
        [1, 1, 1, 1],
        [0, 0, 0, 1],
        [255, 255, 255, 255],
        [0, 0, 0, 0],
        [255, 128, 128, 255],
        [0, 0, 0, 255],
    ]
    assert torch.equal(item["label"], (ids > 0).byte())
    plain = ChannelTargets(InstancePlan(decoder="components"))(item)
    assert plain.keys() == {"image", "label", "spacing"} and plain["label"] is item["label"]


def test_channels_are_made_by_the_millimetres_of_the_voxels_that_are_trained_on() -> None:
    """The file has 1 x 1 x 1 mm; what is learnt from has 4 x 1 x 1."""
    ids = torch.from_numpy(balls((24, 16, 20), ((12, 8, 6), 5), ((12, 8, 14), 5)))[None]
    item = {"image": torch.zeros(1, 24, 16, 20), "label": (ids > 0).byte(), "instances": ids, "spacing": torch.ones(3)}
    thick = RespaceCase((4, 1, 1), label=True)(item)
    (found,) = thick["instances"].numpy()
    expected = [levels(found, (4, 1, 1)) for levels in (border_levels, distance_levels)]
    assert np.array_equal(ChannelTargets(BOTH)(thick)["label"][1:], expected)
    assert not any(np.array_equal(one, levels(found)) for one, levels in zip(expected, TARGETS.values(), strict=True))


class Sizes:
    image_size = (64, 64)
    roi_size = (48, 48)


@pytest.fixture
def nuclei(tmp_path: Path) -> list[Case]:
    return list_cases(write_generated("nuclei", tmp_path, cases=3, instances=True))[1]


@pytest.mark.parametrize("augment", ["none", "nuclei"])
def test_channels_move_with_their_case(nuclei: list[Case], augment: str) -> None:
    """A batch of crops, turned and warped: a border lies by objects still, and a distance in them."""
    steps = training_steps(ReadCase(2, 3, 1, OBJECTS, instances=True), Sizes(), [ChannelTargets(BOTH)])
    dataset = TrainingDataset(nuclei, steps, build_augmentation(augment, 2, 3, Sizes.roi_size))
    batch = dataset.finish(dataset.__getitems__([(1, 0), (1, 1), (1, 2)]))
    label = batch["label"]
    assert label.shape == (3, 3, 48, 48) and label.dtype == torch.uint8
    inside, border, distance = label.unbind(1)
    assert set(inside.unique().tolist()) == {0, 1} and set(border.unique().tolist()) == {0, 255}
    assert torch.equal(distance > 0, inside > 0) and distance.unique().numel() > 8
    near = torch.nn.functional.max_pool2d(inside.float(), 9, 1, 4) > 0  # a warp may stretch what was two pixels
    assert near[..., 4:-4, 4:-4][border[..., 4:-4, 4:-4] > 0].all()
