"""What conversions write into lists and reading must understand: lists of one file, and classes told beside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pictures import DISC, png

from monaiseg.data import find_data

MASK = (255 * DISC).astype(np.uint8)


def test_a_cell_that_ends_in_a_separator_is_a_list_of_one(tmp_path: Path) -> None:
    for name in ("image", "a", "b"):
        png(tmp_path, MASK, name=f"{name}.png")
    (tmp_path / "cases.csv").write_text(
        "id,image,label\n1,image.png,a.png;\n2,image.png,a.png;b.png\n3,image.png,a.png\n"
    )
    one, two, plain = (case["label"] for case in find_data(tmp_path).cases)
    assert one == [[str(tmp_path / "a.png")]] and len(two[0]) == 2 and plain == [str(tmp_path / "a.png")]


def test_classes_are_told_by_a_table_beside_a_list(tmp_path: Path) -> None:
    png(tmp_path, MASK, name="image.png")
    (tmp_path / "cases.csv").write_text("image,label\nimage.png,image.png\n")
    (tmp_path / "classes.json").write_text(json.dumps({"polyp": [255, 0, 0], "tool": [0, 255, 0]}))
    classes = find_data(tmp_path).classes
    assert classes is not None and classes.kind == "colours" and classes.names == ("polyp", "tool")
    (tmp_path / "cases.csv").write_text("image,label_polyp\nimage.png,image.png\n")
    columns = find_data(tmp_path).classes
    assert columns is not None and columns.kind == "masks", "columns of its own tell more than a table"
