"""Lists of cases in a file: CSV and JSON, with groups, parts and classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from layouts import scans_with_truth, touch, write_csv, write_json
from pictures import DISC, png, refused

from monaiseg.data import find_data, list_cases, load_cases
from monaiseg.errors import DataError

MASK = (255 * DISC).astype(np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return scans_with_truth(tmp_path)


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


def test_a_list_comes_before_the_folders_it_lies_beside(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{kind}/{n}.png" for kind in ("images", "masks") for n in range(5)))
    rows = [f"images/{n}.png,masks/{n}.png,p{n // 2},{'train' if n < 2 else 'validation'}" for n in range(4)]
    path = write_csv(tmp_path, "image,label,group,split", *rows)
    found = find_data(tmp_path)
    assert found.layout == "list" and [case["group"] for case in found.parts["validation"]] == ["p1", "p1"]
    assert found.notes == [f"{path}: images beside it that it does not list are left out, 1 of them, 4 first"]
    assert find_data(tmp_path, "images_masks").layout == "images_masks"


def test_a_table_of_something_else_is_told_and_not_used(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{kind}/{n}.png" for kind in ("images", "masks") for n in range(2)))
    path = write_csv(tmp_path, "image,label", "0.png,benign", "1.png,malignant")
    found = find_data(tmp_path)
    assert found.layout == "images_masks"
    assert found.notes == [
        f"{tmp_path}: cases.csv is not used, because none of its rows can be "
        f"({path}: row 1 names {tmp_path}/0.png, which does not exist)"
    ]
    write_csv(tmp_path, "image,label", "images/0.png,masks/0.png", name="more.csv")
    assert find_data(tmp_path).notes == [
        f"{tmp_path}: cases.csv, more.csv list cases and are not used; give one of them as data_root"
    ]


def test_the_json_of_the_decathlon_is_no_list_beside_its_folders(tmp_path: Path) -> None:
    touch(tmp_path, "imagesTr/a.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b.nii.gz")
    rows = [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}]
    content = {"labels": {"0": "background", "1": "x"}, "training": rows, "test": ["./imagesTs/b.nii.gz"]}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    assert find_data(tmp_path).layout == "decathlon"
    found = find_data(tmp_path / "dataset.json")
    assert found.layout == "list" and list(found.parts) == ["train"] and str(found.classes) == "x = 1"
    assert found.notes == [f"{tmp_path}/dataset.json: test rows without label are left out, 1 of them"]


def test_classes_stand_beside_a_list(files: Path) -> None:
    path = write_csv(files, "image,label", *(f"scans/{n}.png,truth/{n}.png" for n in range(4)))
    (files / "classes.json").write_text('{"polyp": 1, "tool": 3}')
    assert str(find_data(path).classes) == "polyp = 1, tool = 3"


def test_merged_masks_in_a_list_are_one_class_whatever_the_first_case_has(files: Path) -> None:
    for number in range(3):
        png(files / "truth", DISC.astype(np.uint8), name=f"{number}.png")
    write_csv(files, "image,label", "scans/0.png,truth/0.png", "scans/1.png,truth/1.png;truth/2.png")
    assert load_cases(str(files)).classes.names == ("foreground",)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("image,label\n{rows}", "utf-8-sig"),
        ("image;label\n{semicolons}", "utf-8"),
        ("image\tlabel\n{tabs}", "utf-8"),
        (" Image , LABEL\r\n{rows}\r\n , \r\n", "utf-8"),
        ('"image", "label"\n{rows}', "utf-8"),
        ("image,label\n{backslashes}", "utf-8"),
    ],
)
def test_tables_as_spreadsheets_write_them(files: Path, text: str, encoding: str) -> None:
    rows = "\n".join(f"scans/{n}.png,truth/{n}.png" for n in range(4))
    spelt = {
        "semicolons": rows.replace(",", ";"),
        "tabs": rows.replace(",", "\t"),
        "backslashes": rows.replace("/", "\\"),
    }
    (files / "cases.csv").write_bytes(text.format(rows=rows, **spelt).encode(encoding))
    found = find_data(files)
    assert found.layout == "list" and len(found.cases) == 4 and not found.faults


def test_a_cell_that_ends_in_a_separator_is_a_list_of_one(files: Path) -> None:
    write_csv(files, "image,label", "scans/0.png,truth/0.png;")
    assert find_data(files).cases[0]["label"] == [[str(files / "truth/0.png")]]


def test_semicolons_separate_files_in_quotes_of_a_table_of_semicolons(files: Path) -> None:
    write_csv(files, "image;label_Polyp", '"scans/0.png;scans/1.png";truth/0.png')
    found = find_data(files)
    assert len(found.cases[0]["image"]) == 2 and found.classes is not None and found.classes.names == ("Polyp",)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "img,lbl\n", "its header is img, lbl; a list of cases needs a column image"),
        ("a.csv", "image,truth\n", "its header is image, truth; a list of cases needs a column label"),
        ("a.csv", "", "its header is empty; a list of cases needs a column image"),
        ("a.csv", "image,label\n", "lists no cases; write rows"),
        ("a.json", '{"images": []}', "lists no cases; write rows"),
        ("a.json", "{", "cannot be read as a list of cases"),
        ("a.txt", "image,label", "is a file and no list of cases; give a folder"),
    ],
)
def test_a_file_that_is_given_itself_says_what_it_lacks(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    refused(lambda: find_data(tmp_path / name), str(tmp_path / name), told)


def test_a_list_is_no_folder_of_a_layout(files: Path) -> None:
    path = write_csv(files, "image,label", "scans/0.png,truth/0.png")
    refused(lambda: find_data(path, "images_masks"), str(path), "is a file, which layout images_masks is not")


def test_a_split_that_the_list_tells_is_taken(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = ["train", "training", "val", "test"]
    write_csv(files, "image,label,split", *(f"scans/{n}.png,truth/{n}.png,{part}" for n, part in enumerate(parts)))
    split = load_cases(str(files))
    assert [[case["id"] for case in side] for side in (split.train, split.validation)] == [["0", "1"], ["2"]]
    assert "split as it comes (train, validation, test); fold ignored; 1 test case left alone" in (
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
