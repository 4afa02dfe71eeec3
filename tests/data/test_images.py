"""The images to predict: of a folder, or of a set whose labels are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monaiseg.data import find_cases, list_cases
from monaiseg.errors import DataError


def test_of_a_set_the_images_of_all_parts_are_taken(
    tmp_path: Path, write_pairs: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(tmp_path / "set" / "train", count=3)
    write_pairs(tmp_path / "set" / "validation", count=2)
    cases = find_cases(tmp_path / "set")
    assert [case["id"] for case in cases] == sorted(f"{part}_case_0{n}" for part, n in PARTS)
    assert all(Path(str(case["image"])).parent.name == "images" and case["label"] == [] for case in cases)
    assert "data: 5 images of the set" in capsys.readouterr().out


PARTS = [("train", 0), ("train", 1), ("train", 2), ("validation", 0), ("validation", 1)]


def test_a_folder_of_images_is_no_set(tmp_path: Path, write_pairs: Any) -> None:
    folder = write_pairs(tmp_path / "set", count=3)
    assert [case["image"] for case in find_cases(folder)] == [case["image"] for case in list_cases(folder)[1]]
    assert [case["id"] for case in find_cases(folder / "masks")] == ["case_00", "case_01", "case_02"]


def test_where_the_images_are_is_told(tmp_path: Path, write_pairs: Any) -> None:
    folder = write_pairs(tmp_path / "set", count=2)
    (folder / "masks").rename(folder / "other")
    with pytest.raises(DataError, match=r"no images in it; .*set/images, .*set/other has some: give that"):
        find_cases(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no images in it; expected files ending in .*, or a set as docs/data.md"):
        find_cases(tmp_path / "empty")


def test_a_set_of_other_images_than_the_network_takes_is_refused(tmp_path: Path, write_pairs: Any) -> None:
    with pytest.raises(DataError, match="case_00 has 1 image file; the network takes 2"):
        find_cases(write_pairs(tmp_path / "set", count=2), 2)
