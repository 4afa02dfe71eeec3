"""Rows of a list: each is a case, a test image without label, or a fault that is told; none vanishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layouts import scans_with_truth, write_csv, write_json
from pictures import DISC, refused

from monaiseg.data import find_data, list_cases, load_cases
from monaiseg.errors import ConfigError, DataError

MASK = (255 * DISC).astype(np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return scans_with_truth(tmp_path)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (["{0},train", "{1},", "{2},validation"], "row 2 has no split, as other rows have; add it"),
        (["{0},train", "{1}", "{2},validation"], "row 2 has no split, as other rows have; add it"),
        (["{0},train", "{1},test,more"], "row 2 has 4 cells, the header 3; quote cells that hold"),
        (["{0},train", "scans/1.png"], "row 2 cannot be used (it names no label)"),
    ],
)
def test_no_row_vanishes(files: Path, rows: list[str], fault: str) -> None:
    pairs = [f"scans/{n}.png,truth/{n}.png" for n in range(3)]
    path = write_csv(files, "image,label,split", *(row.format(*pairs) for row in rows))
    (told,) = find_data(files).faults
    assert str(told).startswith(f"{path}: {fault}") and told.kind == "list"


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_list_without_training_rows(files: Path, part: str) -> None:
    path = write_csv(files, "image,label,split", *(f"scans/{n}.png,truth/{n}.png,{part}" for n in range(2)))
    refused(lambda: load_cases(str(path)), str(path), f"has no training cases (only 2 {part}); add some")


def test_a_blank_cell_of_a_class_does_not_shift_the_others(files: Path) -> None:
    write_csv(files, "image,label_polyp,label_tool", "scans/0.png,truth/0.png,truth/1.png", "scans/1.png,,truth/2.png")
    found = find_data(files)
    assert [case["id"] for case in found.cases] == ["0"]
    assert "row 2 has no label_polyp for scans/1.png; name an empty mask" in str(found.faults[0])


def test_test_images_without_label_are_left_out(files: Path) -> None:
    rows = [{"image": f"scans/{n}.png", "label": f"truth/{n}.png"} for n in range(3)]
    path = write_json(files, {"training": rows, "testing": [{"image": "scans/3.png"}, "scans/3.png"]})
    found = find_data(path)
    assert list(found.parts) == ["train"] and not found.faults
    assert found.notes == [f"{path}: test rows without label are left out, 2 of them"]


@pytest.mark.parametrize("key", ["training", None])
def test_folds_that_the_list_tells_are_taken(files: Path, key: str | None) -> None:
    rows = [{"image": f"scans/{n}.png", "label": f"truth/{n}.png", "fold": n % 2} for n in range(4)]
    write_json(files, {key: rows} if key else rows)
    split = load_cases(str(files), fold=1)
    assert [[case["id"] for case in side] for side in (split.train, split.validation)] == [["0", "2"], ["1", "3"]]
    assert split.origin["split"] == "fold 1 of 2 (as the list has them; split seed ignored)"
    with pytest.raises(ConfigError, match="fold is 2; with 4 cases it must be between 0 and 1"):
        load_cases(str(files), fold=2)


@pytest.mark.parametrize(
    ("folds", "told"),
    [
        ("0,2", "its folds are 0, 2; number two or more from 0 without a gap"),
        ("0,0", "its folds are 0; number two or more"),
        ("0,", "row 2 has no fold, as other rows have"),
        ("0,x", "row 2 cannot be used (its fold is 'x'; write a whole number from 0)"),
    ],
)
def test_folds_that_are_none(files: Path, folds: str, told: str) -> None:
    write_csv(files, "image,label,fold", *(f"scans/{n}.png,truth/{n}.png,{f}" for n, f in enumerate(folds.split(","))))
    assert told in str(find_data(files).faults[0])


def test_folds_are_told_not_to_be_used_where_there_is_a_validation_part(files: Path) -> None:
    rows = [{"image": f"scans/{n}.png", "label": f"truth/{n}.png", "fold": n % 2} for n in range(4)]
    path = write_json(files, {"training": rows[:3], "validation": rows[3:]})
    found = find_data(path)
    assert not found.folds and found.notes == [f"{path}: its folds are not used, because it names validation cases"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (5, "it is no object with image and label"),
        ({"label": "truth/0.png"}, "it names no image"),
        ({"image": 5, "label": "truth/0.png"}, "its image is 5; write a path"),
        ({"image": "scans/0.png", "label": 5}, "its label is 5; write a path"),
        ({"image": "scans/0.png", "label": [""]}, "it names no label"),
    ],
)
def test_json_rows_that_are_none(files: Path, row: Any, told: str) -> None:
    path = write_json(files, [{"image": "scans/1.png", "label": "truth/1.png"}, row])
    assert f"{path}: row 2 cannot be used ({told}" in str(find_data(path).faults[0])


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("scans/9.png,truth/0.png,x,train", r"row 1 names .*scans/9.png, which does not exist"),
        ("scans/0.png,truth/9.png,x,train", r"row 1 names .*truth/9.png, which does not exist"),
        ("scans/0.png,,x,train", "row 1 cannot be used .it names no label"),
        ("scans/0.png,truth/0.png,x,dev", "row 1 cannot be used .its split is 'dev'; write train, validation or test"),
        ("scans/0.png,truth/0.png,y,train", "row 2 has the id y of an earlier row"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(files: Path, row: str, fault: str) -> None:
    path = write_csv(files, "image,label,id,split", row, "scans/1.png,truth/1.png,y,validation")
    with pytest.raises(DataError, match=fault) as raised:
        list_cases(files)
    assert str(raised.value).startswith(str(path))


def test_every_row_that_cannot_be_used_is_kept_for_the_check(files: Path) -> None:
    write_csv(files, "image,label", "scans/8.png,truth/0.png", "scans/1.png,truth/1.png", "scans/9.png,truth/1.png")
    found = find_data(files)
    assert len(found.faults) == 2 and len(found.cases) == 1
    with pytest.raises(DataError, match=r"row 1 .* \(and 1 more; monaiseg data check .* lists them\)"):
        load_cases(str(files))


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b"])
def test_a_name_that_no_file_can_have(files: Path, name: str) -> None:
    path = write_json(files, [{"image": name, "label": "truth/1.png"}])
    (told,) = find_data(path).faults
    assert str(told).startswith(f"{path}: row 1 ") and told.kind == "list"


def test_an_id_that_no_file_can_be_called_by(files: Path) -> None:
    path = write_json(files, [{"image": "scans/1.png", "label": "truth/1.png", "id": "9" * 5000}])
    (told,) = find_data(path).faults
    assert "its id has 5000 characters; write 200 at most" in str(told)


@pytest.mark.parametrize("fold", ["²", "9" * 5000, "1.0"])
def test_folds_that_are_no_numbers(files: Path, fold: str) -> None:
    path = write_json(files, [{"image": "scans/1.png", "label": "truth/1.png", "fold": fold}])
    (told,) = find_data(path).faults
    assert "write a whole number from 0" in str(told)


def test_json_that_is_nested_too_deeply(files: Path) -> None:
    path = files / "cases.json"
    path.write_text("[" * 100_000)
    refused(lambda: find_data(path), str(path), "nested too deeply")
