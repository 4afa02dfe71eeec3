"""NRRD: where a volume lies, by directions, spacings and spaces of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monaiseg.data import load_cases
from monaiseg.data.volumes import read_volume, volume_geometry
from monaiseg.errors import DataError

nrrd = pytest.importorskip("nrrd")


def write(path: Path, shape: tuple[int, ...], **header: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros(shape, np.uint8)
    values.flat[0] = 1
    nrrd.write(str(path), values, {name.replace("_", " "): value for name, value in header.items()})
    return str(path)


FLAT = {"space_dimension": 2, "space_directions": [[0.5, 0], [0, 0.25]], "space_origin": [3, 4]}


def test_a_flat_one_has_directions(tmp_path: Path) -> None:
    geometry = volume_geometry(write(tmp_path / "a.nrrd", (20, 30), **FLAT))
    assert geometry.spacing == (0.5, 0.25, 1) and geometry.affine[:3, 3].tolist() == [-3, -4, 0]
    for name in ("a", "b"):
        for kind in ("images", "masks"):
            write(tmp_path / "set" / kind / f"{name}.nrrd", (20, 30), **FLAT)
    assert len(load_cases(str(tmp_path / "set")).train) == 1


def test_spacings_without_directions_count(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nrrd", (4, 5, 6), spacings=[0.5, 0.25, 2.0])
    assert volume_geometry(path).spacing == (0.5, 0.25, 2)


@pytest.mark.parametrize(
    ("space", "axes"),
    [
        ("left-anterior-superior", "LAS"),
        ("left-posterior-superior", "LPS"),
        ("right-anterior-superior", "RAS"),
        ("LAS", "LAS"),
        ("RAS", "RAS"),
    ],
)
def test_every_anatomical_space(tmp_path: Path, space: str, axes: str) -> None:
    path = write(tmp_path / "a.nrrd", (4, 5, 6), space=space, space_directions=np.eye(3), space_origin=[1, 2, 3])
    geometry = volume_geometry(path)
    assert geometry.orientation == axes
    assert [abs(value) for value in geometry.affine[:3, 3]] == [1, 2, 3]


def test_channels_have_no_direction(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.nrrd",
        (3, 4, 5, 6),
        kinds=["vector", "domain", "domain", "domain"],
        space="left-posterior-superior",
        space_directions=np.vstack([[np.nan] * 3, np.diag([1.0, 2.0, 3.0])]),
        space_origin=[0, 0, 0],
    )
    geometry = volume_geometry(path)
    assert geometry.spacing == (1, 2, 3) and geometry.shape == (4, 5, 6, 3)


@pytest.mark.parametrize("field", ["type", "sizes", "dimension", "encoding"])
def test_a_header_without_what_it_needs(field: str, tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    lines = Path(write(path, (4, 5, 6))).read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(line for line in lines if not line.startswith(f"{field}:".encode())))
    for read in (volume_geometry, read_volume):
        with pytest.raises(DataError, match="cannot be read as NRRD") as raised:
            read(str(path))
        assert str(raised.value).startswith(f"{path}: ")
