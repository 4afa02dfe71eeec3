"""What conversions write into lists and reading must understand: lists of one file, and classes told beside."""

from __future__ import annotations

import json
from pathlib import Path

import conversion_sets as sets
import numpy as np
import pytest
from pictures import DISC, png

from monaiseg.data import find_data
from monaiseg.data.converting import convert_data

MASK = (255 * DISC).astype(np.uint8)


def test_a_cell_that_ends_in_a_separator_is_a_list_of_one(tmp_path: Path) -> None:
    for name in ("image", "a", "b"):
        png(tmp_path, MASK, name=f"{name}.png")
    (tmp_path / "cases.csv").write_text(
        "id,image,label\n1,image.png,a.png;\n2,image.png,a.png;b.png\n3,image.png,a.png\n"
    )
    one, two, plain = (case["label"] for case in find_data(tmp_path).cases)
    assert one == [[str(tmp_path / "a.png")]] and len(two[0]) == 2 and plain == [str(tmp_path / "a.png")]


def folded(folder: Path, header: str = "", ends: tuple[str, ...] = ("", "")) -> Path:
    """A list of six cases in three folds; two more of another part where the header has a split."""
    sets.two_valued(folder / "files")
    name = "files/{}/c{}.{}"
    rows = [
        f"{n},{name.format('images', n % 3, 'jpg')},{name.format('masks', n % 3, 'png')},{n % 3 if n < 6 else ''}{end}"
        for n in range(6 if not header else 8)
        for end in [ends[n > 5]]
    ]
    (folder / "cases.csv").write_text("\n".join([f"id,image,label,fold{header}", *rows]))
    return folder


@pytest.mark.parametrize("header", ["", ",split"])
def test_folds_are_kept(tmp_path: Path, header: str) -> None:
    """A training by the list that was written splits as one by the source."""
    source = folded(tmp_path / "source", header, (",train", ",test") if header else ("", ""))
    convert_data(source, tmp_path / "list", "list")
    found, again = find_data(source), find_data(tmp_path / "list")
    assert found.folds == again.folds == {str(n): n % 3 for n in range(6)}
    assert {part: len(cases) for part, cases in found.parts.items()} == {
        part: len(cases) for part, cases in again.parts.items()
    }


def test_folders_tell_that_they_hold_no_folds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    convert_data(folded(tmp_path / "source"), tmp_path / "out", "images_masks")
    assert "the folds of the cases are not kept" in caplog.text


def test_instances_that_become_one_mask_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sets.nuclei(tmp_path / "source")
    convert_data(tmp_path / "source", tmp_path / "out", "images_masks")
    assert "in 2 cases the files of a mask become one, without instances; --to dsb2018 and --to list" in caplog.text
    caplog.clear()
    for to in ("list", "dsb2018"):
        convert_data(tmp_path / "source", tmp_path / to, to)
    assert caplog.text == ""


def test_classes_are_told_by_a_table_beside_a_list(tmp_path: Path) -> None:
    png(tmp_path, MASK, name="image.png")
    (tmp_path / "cases.csv").write_text("image,label\nimage.png,image.png\n")
    (tmp_path / "classes.json").write_text(json.dumps({"polyp": [255, 0, 0], "tool": [0, 255, 0]}))
    classes = find_data(tmp_path).classes
    assert classes is not None and classes.kind == "colours" and classes.names == ("polyp", "tool")
    (tmp_path / "cases.csv").write_text("image,label_polyp\nimage.png,image.png\n")
    columns = find_data(tmp_path).classes
    assert columns is not None and columns.kind == "masks", "columns of its own tell more than a table"
