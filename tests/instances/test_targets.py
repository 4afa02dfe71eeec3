"""The channels that are learnt, worked out by hand on tiny maps, and that they follow a case into its batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from monaiseg.data import Case, ReadCase, TrainingDataset, build_augmentation, list_cases, write_generated
from monaiseg.data.classes import OBJECTS
from monaiseg.data.steps import training_steps
from monaiseg.instances import ChannelTargets, InstancePlan
from monaiseg.instances.targets import border_levels, distance_levels

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


@given(arrays(np.int32, array_shapes(min_dims=2, max_dims=3, max_side=8), elements=st.integers(0, 4)))
def test_every_object_has_a_centre_and_only_objects_have_distances(ids: np.ndarray) -> None:
    levels = distance_levels(ids)
    assert np.array_equal(levels > 0, ids > 0)
    assert all(levels[ids == number].max() == 255 for number in np.unique(ids[ids > 0]))


def test_the_label_has_the_classes_then_each_channel_of_each_class() -> None:
    ids = torch.tensor([[[1, 1, 2, 2]], [[0, 0, 0, 3]]], dtype=torch.int32)
    item = {"image": 0, "label": (ids > 0).byte(), "instances": ids}
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
    assert plain.keys() == {"image", "label"} and plain["label"] is item["label"]


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
