"""Label files as they are written: what was read comes back, and every class has one place."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pictures import case

from monaiseg.data import Classes
from monaiseg.data.classes import classes_of
from monaiseg.data.labels import read_label
from monaiseg.data.writing import encode_picture, encode_volume, label_files

VALUES = classes_of({"a": 1, "b": 2, "c": 300}, "classes")
COLOURS = classes_of({"a": [255, 0, 0], "b": [0, 255, 0], "c": [9, 9, 0]}, "classes")
ON_WHITE = classes_of({"background": [255, 255, 255], "a": [255, 0, 0], "b": [0, 0, 0], "c": [9, 9, 0]}, "classes")
REGIONS = Classes("values", ("whole", "core", "enhancing"), ((1, 2, 3), (2, 3), (3,)))


@pytest.mark.parametrize("classes", [VALUES, COLOURS, ON_WHITE], ids=["values", "colours", "on white"])
@given(winner=arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 3)))
def test_exclusive_classes_come_back(
    tmp_path_factory: pytest.TempPathFactory, classes: Classes, winner: np.ndarray
) -> None:
    masks = np.stack([winner == number for number in (1, 2, 3)])
    path = tmp_path_factory.getbasetemp() / "label.png"
    path.write_bytes(encode_picture(label_files(masks, classes)[""]))
    assert np.array_equal(read_label(case(str(path)), 2, classes)[0], masks)


@given(depth=arrays(np.uint8, (3, 4, 5), elements=st.integers(0, 3)))
def test_nested_regions_come_back_from_a_volume(tmp_path_factory: pytest.TempPathFactory, depth: np.ndarray) -> None:
    masks = np.stack([depth >= number for number in (1, 2, 3)])
    path = tmp_path_factory.getbasetemp() / "label.nii.gz"
    path.write_bytes(encode_volume(label_files(masks, REGIONS)[""], np.eye(4)))
    assert np.array_equal(read_label(case(str(path)), 3, REGIONS)[0], masks)


def test_the_more_probable_class_holds() -> None:
    probabilities = np.array([[[0.6, 0.9, 0.2]], [[0.7, 0.8, 0.4]], [[0.5, 0.0, 0.5]]])
    assert label_files(probabilities, VALUES)[""].tolist() == [[2, 1, 0]]


def test_masks_have_a_file_a_class() -> None:
    masks = np.array([[[1, 0]], [[1, 1]]], np.float32)
    files = label_files(masks, Classes("masks", ("polyp", "tool")))
    assert {name: values.tolist() for name, values in files.items()} == {"_polyp": [[255, 0]], "_tool": [[255, 255]]}
    (volume,) = label_files(masks[:1, None], Classes("masks", ("liver",))).values()
    assert volume.dtype == np.uint8 and volume.tolist() == [[[1, 0]]]


def test_volumes_keep_their_affine_and_equal_values_give_equal_bytes(tmp_path: Path) -> None:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "a.nii.gz").write_bytes(encode_volume(values, affine))
    image = nibabel.load(tmp_path / "a.nii.gz")
    assert np.array_equal(image.affine, affine) and np.array_equal(np.asarray(image.dataobj), values)
    assert encode_volume(values, affine) == encode_volume(values.copy(), affine)
