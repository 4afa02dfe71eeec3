"""Whether a label lies where its image lies, by the headers."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.data.cases import Case
from monaiseg.data.placement import check_place, misplaced
from monaiseg.data.volumes import Geometry
from monaiseg.errors import DataError


def geometry(affine: np.ndarray) -> Geometry:
    return Geometry((4, 5, 6), affine, "uint8")


def affine(spacing: tuple[float, float, float] = (1, 1, 2.5), degrees: float = 0, origin: float = 0) -> np.ndarray:
    angle = np.radians(degrees)
    made = np.eye(4)
    made[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    made[:3, :3] = made[:3, :3] * spacing
    made[0, 3] = origin
    return made


@pytest.mark.parametrize(
    ("other", "severity", "kind", "part"),
    [
        (affine((1, 1, 2.51)), "error", "spacing", "its spacing is 1 x 1 x 2.51, its image's 1 x 1 x 2.5 mm"),
        (affine((-1, 1, 2.5)), "error", "orientation", "points to LAS, its image to RAS"),
        (affine(degrees=2), "error", "orientation", "turned by 2 degrees against its image"),
        (affine(origin=0.6), "warning", "origin", "lies 0.6 voxels from its image"),
        (affine((float("nan"), 1, 1)), "error", "spacing", "its spacing is nan"),
    ],
)
def test_what_differs_is_told(other: np.ndarray, severity: str, kind: str, part: str) -> None:
    found = misplaced(geometry(affine()), geometry(other))
    assert found is not None and (found.severity, found.kind) == (severity, kind) and part in found.message


@pytest.mark.parametrize("other", [affine(), affine((1, 1, 2.5005)), affine(degrees=0.4), affine(origin=0.4)])
def test_rounding_is_not_told(other: np.ndarray) -> None:
    assert misplaced(geometry(affine()), geometry(other)) is None


@given(st.floats(-180, 180), st.floats(0.2, 5), st.floats(-500, 500))
def test_an_image_lies_where_it_lies(degrees: float, length: float, origin: float) -> None:
    where = geometry(affine((length, 1, 2), degrees, origin))
    assert misplaced(where, where) is None


def case(folder: Path, label: np.ndarray) -> Case:
    for name, place in (("image", affine()), ("label", label)):
        nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), place), folder / f"{name}.nii.gz")
    image, mask = (str(folder / f"{name}.nii.gz") for name in ("image", "label"))
    return Case(image=image, label=[mask], id="a", group=None)


def test_training_refuses_a_mirrored_label(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"label\.nii\.gz: points to LAS, its image to RAS") as error:
        check_place(case(tmp_path, affine((-1, 1, 2.5))))
    assert error.value.kind == "orientation"


def test_a_shifted_label_and_pictures_are_left_alone(tmp_path: Path) -> None:
    check_place(case(tmp_path, affine(origin=7)))
    check_place(Case(image="a.png", label=[str(tmp_path / "label.nii.gz")], id="a", group=None))
