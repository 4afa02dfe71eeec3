"""Looks: small, the same whatever the file's format, and of everything that can be a case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from monaiseg.data import Case, ReadCase, find_cases, generate_polyps, look
from monaiseg.data.looks import SIDE, Looks, look_of, read_each
from monaiseg.errors import DataError

Write = Callable[..., Path]


def case(path: Path) -> Case:
    return find_cases(path)[0]


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return generate_polyps(3, 300)[0]


@pytest.mark.parametrize("shape", [(3, 300, 200), (1, 40, 40), (3, 5, 9), (4, 64, 64)])
def test_pictures_have_one_small_view(shape: tuple[int, ...]) -> None:
    seen = look(np.full(shape, 77, np.uint8))
    assert seen.shape == (1, SIDE, SIDE, 3) and seen.dtype == np.uint8
    assert (seen == 77).all()


def test_volumes_have_the_middle_slice_across_each_axis() -> None:
    volume = np.zeros((1, 12, 14, 16), np.float32)
    volume[0, 6, :7], volume[0, :6, 7], volume[0, :, :7, 8] = 1, 2, 3
    seen = look(volume)
    assert seen.shape == (3, SIDE, SIDE, 3)
    for view, axis in enumerate((0, 1, 2)):
        middle = np.take(volume[0], volume.shape[axis + 1] // 2, axis)
        low, high = seen[view, ..., 0][seen[view, ..., 0] < 128].size, middle[middle < middle.max() / 2].size
        assert low / SIDE**2 == pytest.approx(high / middle.size, abs=0.15), axis


def test_one_bright_voxel_does_not_darken_the_rest() -> None:
    volume = np.random.default_rng(0).uniform(100, 200, (1, 40, 40, 40)).astype(np.float32)
    before = look(volume)
    volume[0, 20, 20, 20] = 1.7e6
    assert apart(look(volume), before) < 2


def test_every_format_of_a_picture_looks_alike(tmp_path: Path, picture: np.ndarray) -> None:
    image = Image.fromarray(picture)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.jpg", quality=90)
    image.convert("RGBA").save(tmp_path / "c.tif")
    seen = [look_of(case(tmp_path / name)) for name in ("a.png", "b.jpg", "c.tif")]
    assert np.array_equal(seen[0], seen[2])
    assert apart(seen[0], seen[1]) < 2


def test_reading_a_case_gives_the_same_look(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture).save(tmp_path / "a.png")
    read = ReadCase(2, 3, 1)(case(tmp_path / "a.png"))
    assert np.array_equal(read["look"].numpy(), look_of(case(tmp_path / "a.png")))


def test_volumes_of_several_channels_are_read_by_their_header(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(20, 18, 16, 2)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), tmp_path / "v.nii.gz")
    assert look_of(case(tmp_path / "v.nii.gz")).shape == (3, SIDE, SIDE, 3)


@pytest.mark.parametrize("name", ["bad.jpg", "bad.png", "bad.nii.gz"])
def test_a_broken_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not an image")
    with pytest.raises(DataError, match=f"{name}: cannot be read"):
        look_of(case(tmp_path / name))


def test_results_come_in_the_order_of_the_cases(tmp_path: Path, write_pairs: Write) -> None:
    cases = find_cases(write_pairs(tmp_path, 9) / "images")
    assert read_each("reading", lambda case: case["id"], cases) == [case["id"] for case in cases]


def test_pictures_and_volumes_cannot_be_compared() -> None:
    looks = Looks()
    looks.add(look(np.zeros((3, 9, 9), np.uint8)))
    with pytest.raises(DataError, match="pictures and volumes"):
        looks.add(look(np.zeros((1, 9, 9, 9), np.float32)))
    assert len(looks) == 1 and looks.all().shape == (1, 1, SIDE, SIDE, 3)
