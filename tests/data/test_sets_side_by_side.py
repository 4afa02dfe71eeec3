"""Sets side by side: the same cases in two formats are taken once, other sets become one, and both are told."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from layouts import touch
from PIL import Image

from monaiseg.data import find_data, load_cases
from monaiseg.errors import DataError


def write_set(root: Path, suffix: str, first_seed: int, count: int = 4, size: tuple[int, int] = (20, 30)) -> None:
    """Images of noise, numbered from 1, with masks of which one pixel is set."""
    for number in range(1, count + 1):
        pixels = np.random.default_rng(first_seed + number).integers(0, 256, (*size, 3), np.uint8)
        mask = np.zeros(size, np.uint8)
        mask[number] = 255
        for folder, values in (("images", pixels), ("masks", mask)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(root / folder / f"{number}{suffix}")


def test_sets_that_are_numbered_alike_are_joined_and_it_is_told(tmp_path: Path) -> None:
    write_set(tmp_path / "cvc", ".png", 0, 8)
    write_set(tmp_path / "etis", ".tif", 100, 4)
    found = find_data(tmp_path)
    assert len(found.cases) == 12 and {"cvc-1", "etis-1"} <= {case["id"] for case in found.cases}
    assert found.notes == [f"{tmp_path}: 2 sets side by side become one: cvc (8 cases), etis (4 cases)"]


@pytest.mark.parametrize("suffix", [".tif", ".bmp"])
def test_the_same_pixels_in_another_format_are_taken_once(tmp_path: Path, suffix: str) -> None:
    write_set(tmp_path / "A", ".png", 0)
    write_set(tmp_path / "B", suffix, 0, 3)
    found = find_data(tmp_path)
    assert [case["id"] for case in found.cases] == ["1", "2", "3", "4"]
    assert found.notes[1] == f"{tmp_path}: B and A hold the same cases; the latter is taken"


def test_the_same_picture_as_jpeg_is_the_same(tmp_path: Path) -> None:
    write_set(tmp_path / "A", ".png", 0)
    for number in range(1, 5):
        smooth = np.add.outer(np.arange(64), np.arange(80) + number).astype(np.uint8)
        Image.fromarray(smooth).save(tmp_path / "A" / "images" / f"{number}.png")
        touch(tmp_path / "B", "images/.x", "masks/.x")
        Image.fromarray(smooth).save(tmp_path / "B" / "images" / f"{number}.jpg")
        Image.fromarray(smooth).save(tmp_path / "B" / "masks" / f"{number}.png")
    assert len(find_data(tmp_path).cases) == 4


def test_other_sizes_are_another_set(tmp_path: Path) -> None:
    write_set(tmp_path / "A", ".png", 0)
    write_set(tmp_path / "B", ".tif", 0, size=(10, 15))
    assert len(find_data(tmp_path).cases) == 8


def test_of_three_sets_the_one_that_is_there_twice_is_taken_once(tmp_path: Path) -> None:
    write_set(tmp_path / "A", ".png", 0)
    write_set(tmp_path / "B", ".tif", 0)
    write_set(tmp_path / "C", ".png", 100, 6)
    found = find_data(tmp_path)
    assert len(found.cases) == 10
    assert found.notes == [
        f"{tmp_path}: 2 sets side by side become one: A (4 cases), C (6 cases)",
        f"{tmp_path}: B and A hold the same cases; the latter is taken",
    ]


def test_two_sets_that_lie_deeper_keep_different_names(tmp_path: Path) -> None:
    write_set(tmp_path / "A" / "data", ".png", 0, 2)
    write_set(tmp_path / "B" / "data", ".png", 100, 2)
    assert [case["id"] for case in find_data(tmp_path).cases] == ["A-1", "A-2", "B-1", "B-2"]


def test_sets_that_come_split_are_joined_part_by_part(tmp_path: Path) -> None:
    for name, seed in (("A", 0), ("B", 100)):
        write_set(tmp_path / name / "train", ".png", seed, 3)
        write_set(tmp_path / name / "val", ".png", seed + 50, 2)
    split = load_cases(str(tmp_path))
    assert [case["id"] for case in split.validation] == ["A-1", "A-2", "B-1", "B-2"]
    assert len(split.train) == 6
    write_set(tmp_path / "C", ".png", 200)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: of its sets only some come split (A (5 cases), B")):
        find_data(tmp_path)


def test_a_folder_that_a_link_leads_to_again_is_looked_at_once(tmp_path: Path) -> None:
    write_set(tmp_path / "v1", ".png", 0)
    (tmp_path / "current").symlink_to("v1")
    (tmp_path / "self").symlink_to(".")
    found = find_data(tmp_path)
    assert [case["id"] for case in found.cases] == ["1", "2", "3", "4"]
    assert found.root == tmp_path / "v1"
    assert [note for note in found.notes if "leads to a folder" in note] == [
        f"{tmp_path / name}: leads to a folder that is looked at by its own name; it is left out"
        for name in ("current", "self")
    ]


def test_a_set_without_a_whole_case_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "A/images/1.png", "A/masks/1.png", "B/images/1.png", "B/masks/2.png")
    (note,) = [note for note in find_data(tmp_path).notes if "left out" in note]
    assert note.startswith(f"{tmp_path}/B: none of its cases can be used, and it is left out ({tmp_path}/B/images/1")


def test_real_cvc_and_another_set_numbered_alike(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "cvc").symlink_to(real_data("cvc-clinicdb"))
    ids = [case["id"] for case in find_data(tmp_path).cases]
    write_set(tmp_path / "etis", ".tif", 0, 4)
    for number, name in enumerate(ids[:4], start=1):
        for folder in ("images", "masks"):
            (tmp_path / "etis" / folder / f"{number}.tif").rename(tmp_path / "etis" / folder / f"{name}.tif")
    assert len(find_data(tmp_path).cases) == len(ids) + 4
