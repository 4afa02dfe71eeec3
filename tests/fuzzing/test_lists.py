"""Damaged lists of cases, splits and tables of classes end well or in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fuzzing.guarding import Change, fuzz
from fuzzing.mutations import damaged_json, damaged_text
from PIL import Image

from monaiseg.data import all_cases, load_cases, make_split_file

NAMES = ("a", "b", "c", "d")
ROWS = [
    {"image": f"images/{name}.png", "label": f"masks/{name}.png", "id": name, "group": name, "fold": number % 2}
    for number, name in enumerate(NAMES)
]
PARTS = {"training": ROWS[:2], "validation": ROWS[2:], "testing": [{"image": "images/a.png"}, "images/b.png"]}
PARTLY = [
    {**ROWS[0], "label": ["masks/a.png", "masks/b.png"]},
    {**ROWS[1], "label": [["masks/a.png"], "masks/b.png"]},
]
JSON = [ROWS, {"labels": {"0": "background", "255": "polyp"}, **PARTS}, PARTLY]


def table(header: str, row: str) -> str:
    return "\n".join([header, *(row.format(name, number % 2) for number, name in enumerate(NAMES)), ""])


CSV = [
    table("image,label,id,group,fold", "images/{0}.png,masks/{0}.png,{0},g{0},{1}"),
    table("\ufeffImage;label_one;label_two;split", 'images/{0}.png;"masks/{0}.png;masks/a.png";masks/{0}.png;train'),
    table("image\tlabel", "images/{0}.png\tmasks/{0}.png;"),
]
LISTS = [("list.json", list(map(json.dumps, JSON)), damaged_json), ("list.csv", CSV, damaged_text)]
TABLES = {
    "classes.json": ['{"polyp": 255}', '{"background": [0, 0, 0], "polyp": [255, 255, 255]}', '"instances"'],
    "class_dict.csv": ["name,r,g,b\nbackground,0,0,0\npolyp,255,255,255\n"],
    "labelmap.txt": ["# label:color_rgb:parts:actions\nbackground:0,0,0::\npolyp:255,255,255::\n"],
}
FACTS = ['{"labels": {"0": "background", "255": "polyp"}}', '{"labels": {"background": 0, "polyp": [255, 1]}}']
POLYP = {"polyp": 255}


def encoded(texts: Sequence[str]) -> list[bytes]:
    return [text.encode() for text in texts]


def write_set(root: Path, images: str = "images", masks: str = "masks", names: Sequence[str] = NAMES) -> Path:
    for folder in (images, masks):
        (root / folder).mkdir(parents=True)
        for name in names:
            Image.new("L", (8, 8), 255).save(root / folder / f"{name}.png")
    return root


@pytest.mark.parametrize(("name", "seeds", "change"), LISTS, ids=["json", "csv"])
def test_damaged_lists(name: str, seeds: list[str], change: Change, tmp_path: Path) -> None:
    path = write_set(tmp_path / "set") / name
    uses: list[Callable[[], object]] = [partial(load_cases, str(path), classes=POLYP)] * 20
    fuzz(name, path, encoded(seeds), change, [*uses, partial(all_cases, str(path))], tmp_path)


@pytest.mark.parametrize("name", TABLES)
def test_damaged_tables_of_classes(name: str, tmp_path: Path) -> None:
    path = write_set(tmp_path / "set", names=NAMES[:2]) / name
    fuzz(name, path, encoded(TABLES[name]), damaged_text, [partial(all_cases, str(path.parent))], tmp_path)


def test_damaged_facts_of_the_decathlon(tmp_path: Path) -> None:
    path = write_set(tmp_path / "set", "imagesTr", "labelsTr", NAMES[:2]) / "dataset.json"
    fuzz("facts", path, encoded(FACTS), damaged_json, [partial(all_cases, str(path.parent))], tmp_path)


def test_damaged_splits(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    cases = all_cases(str(root)).validation
    made: dict[str, Any] = {"by": "case", "seed": 0}
    folds = make_split_file(cases, [cases[:2], cases[2:]], NAMES, "images_masks", made | {"folds": 2}).content()
    shares = make_split_file(cases, [cases[:2], cases[2:3], cases[3:]], NAMES, "images_masks", made).content()
    unsigned = [{key: value for key, value in one.items() if key != "sha256"} for one in (folds, shares)]
    seeds = encoded(list(map(json.dumps, [folds, shares, {"train": ["a"], "file": folds}, *unsigned])))
    path = tmp_path / "set" / "split.txt"
    use = partial(load_cases, str(root), classes=POLYP, split=str(path))
    fuzz("split", path, seeds, damaged_json, [use], tmp_path)
