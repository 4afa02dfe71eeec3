"""Lists of cases in a file: CSV and JSON, with groups, parts and classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import DISC, png

from monaiseg.data import find_data, list_cases, load_cases
from monaiseg.errors import DataError

MASK = (255 * DISC).astype(np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for number in range(4):
        for sub in ("scans", "truth"):
            (tmp_path / sub).mkdir(exist_ok=True)
            png(tmp_path / sub, MASK, name=f"{number}.png")
    return tmp_path


def write_csv(folder: Path, header: str, *rows: str, name: str = "cases.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def write_json(folder: Path, content: Any) -> Path:
    path = folder / "cases.json"
    path.write_text(json.dumps(content))
    return path


def test_a_csv_beside_its_files(files: Path) -> None:
    write_csv(files, "image,label,id,group", *(f"scans/{n}.png,truth/{3 - n}.png,case{n},p{n // 2}" for n in range(4)))
    layout, cases = list_cases(files)
    assert layout == "list"
    assert [(case["id"], case["group"]) for case in cases] == [(f"case{n}", f"p{n // 2}") for n in range(4)]
    assert [Path(str(case["label"][0])).name for case in cases] == ["3.png", "2.png", "1.png", "0.png"]


def test_the_file_itself_can_be_given(files: Path) -> None:
    path = write_csv(files, "image,label", *(f"scans/{n}.png,truth/{n}.png" for n in range(4)), name="some.csv")
    write_csv(files, "image,label", "scans/0.png,truth/0.png", name="other.csv")
    assert len(find_data(path).cases) == 4
    with pytest.raises(DataError, match="no known layout"):
        find_data(files)


def test_a_split_that_the_list_tells_is_taken(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = ["train", "training", "val", "test"]
    write_csv(files, "image,label,split", *(f"scans/{n}.png,truth/{n}.png,{part}" for n, part in enumerate(parts)))
    split = load_cases(str(files))
    assert [[case["id"] for case in side] for side in (split.train, split.validation)] == [["0", "1"], ["2"]]
    assert "split as it comes (train, validation, test); fold ignored; 1 test cases are left alone" in (
        capsys.readouterr().out
    )


def test_several_files_a_cell_and_a_column_a_class(files: Path) -> None:
    write_csv(files, "image,label_polyp,label_tool", "scans/0.png;scans/1.png,truth/0.png;truth/1.png,truth/2.png")
    found = find_data(files)
    (case,) = found.cases
    assert [Path(file).name for file in case["image"]] == ["0.png", "1.png"]
    assert [len(label) if isinstance(label, list) else 1 for label in case["label"]] == [2, 1]
    assert found.classes is not None and found.classes.names == ("polyp", "tool")


def test_a_json_as_monai_writes_data_lists(files: Path) -> None:
    rows = [{"image": f"scans/{n}.png", "label": f"truth/{n}.png"} for n in range(4)]
    write_json(files, {"training": rows[:3], "validation": rows[3:], "labels": {"0": "background", "255": "disc"}})
    split = load_cases(str(files))
    assert (len(split.train), len(split.validation), str(split.classes)) == (3, 1, "disc = 255")


def test_a_plain_json_list(files: Path) -> None:
    write_json(files, [{"image": f"scans/{n}.png", "label": [f"truth/{n}.png"], "group": 7} for n in range(4)])
    assert {case["group"] for case in list_cases(files)[1]} == {"7"}


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
