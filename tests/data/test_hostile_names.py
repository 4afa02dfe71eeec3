"""Names that anyone may have chosen: they lead nowhere, and do nothing to the page or the terminal that shows them."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from layouts import write_csv
from pictures import DISC, png, refused

from monaiseg.cli import main
from monaiseg.data import find_cases, find_data, list_cases, load_cases
from monaiseg.data.classes import classes_beside, classes_of
from monaiseg.errors import ConfigError, DataError

MASK = (255 * DISC).astype(np.uint8)
ESCAPES = ["\x1b[2J", "a\nb", "a\rb", "\x9b31m", "\u202egnp", "\u2028", "\x07"]
"""What clears a terminal, breaks a line, overwrites one, colours, turns the writing, breaks it otherwise, and rings."""

MARKUP = ["<script>alert(1)</script>", "\"><img src=x onerror='a'>", "[red]a[/red]", "{{ 7 * 7 }}", "&lt;"]


def write_set(folder: Path, *names: str) -> Path:
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
        for number, name in enumerate(names):
            png(folder / kind, MASK[: 30 + number], name=f"{name}.png")
    return folder


@pytest.mark.parametrize("row", ["../a.png,a.png", "a.png,sub/../../a.png", "a.png,..\\a.png", "a.png,a.png;../b.png"])
def test_a_list_names_nothing_outside_of_its_folder(row: str, tmp_path: Path) -> None:
    png(tmp_path, MASK)
    (tmp_path / "set").mkdir()
    png(tmp_path / "set", MASK)
    path = write_csv(tmp_path / "set", "image,label", row)
    (fault,) = find_data(path).faults
    assert "row 1 cannot be used" in str(fault) and "leads out of the folder of the list" in str(fault)


def test_a_list_may_name_whole_paths(tmp_path: Path) -> None:
    image = png(tmp_path, MASK)
    (tmp_path / "set").mkdir()
    (case,) = find_data(write_csv(tmp_path / "set", "image,label", f"{image},{image}")).cases
    assert case["image"] == image


def test_links_are_followed(tmp_path: Path) -> None:
    """They are the user's own: data often lies on another disk than the folder that is trained on."""
    source = write_set(tmp_path / "there", "a")
    (tmp_path / "set").mkdir()
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).symlink_to(source / kind)
    assert [case["id"] for case in list_cases(tmp_path / "set")[1]] == ["a"]


@pytest.mark.parametrize("escape", ESCAPES)
def test_names_of_files_that_act_are_refused(escape: str, tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", "a", f"b{escape}")
    faults = find_data(root).faults
    assert {fault.kind for fault in faults} == {"name"}
    for fault in faults:
        assert str(fault).isprintable() and "holds what cannot be shown" in str(fault)
    with pytest.raises(DataError, match="holds what cannot be shown"):
        find_cases(root / "images")


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("column", ["id", "group", "image"])
def test_rows_that_act_are_refused(column: str, escape: str, tmp_path: Path) -> None:
    png(tmp_path, MASK)
    row = {"image": "a.png", "label": "a.png", "id": "a", "group": "g"}
    row[column] = escape if column != "image" else png(tmp_path, MASK, name=f"{escape}.png")
    (tmp_path / "list.json").write_text(json.dumps([row]))
    (fault,) = find_data(tmp_path / "list.json").faults
    assert str(fault).isprintable() and "holds what cannot be shown" in str(fault)


def test_classes_that_act_are_refused(tmp_path: Path) -> None:
    for escape in ESCAPES:
        with pytest.raises(ConfigError, match="holds what cannot be shown"):
            classes_of({escape: 1}, "classes")
        (tmp_path / "classes.json").write_text(json.dumps({escape: 1}))
        refused(lambda: classes_beside(tmp_path), str(tmp_path / "classes.json"), "holds what cannot be shown")
    png(tmp_path, MASK)
    path = tmp_path / "list.csv"
    path.write_text(f"image,label_{ESCAPES[0]}\na.png,a.png\n")
    refused(lambda: find_data(path), str(path), "holds what cannot be shown")


class Tags(HTMLParser):
    """The tags of a page, and the attributes that they have."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag} {name}" for name, _ in attrs)}


def test_the_page_shows_names_and_does_what_none_of_them_says(tmp_path: Path) -> None:
    plain = write_set(tmp_path / "plain", "a", "b")
    rows = [{"image": f"images/{n}.png", "label": f"masks/{n}.png", "id": m} for m in MARKUP for n in "a"]
    rows[0]["label"] = "masks/b.png"
    (plain / "list.json").write_text(json.dumps(rows))
    (plain / "classes.json").write_text(json.dumps({MARKUP[0]: 255}))
    pages = {}
    for name, folder in (("hostile", plain), ("harmless", write_set(tmp_path / "harmless", "c", "d"))):
        main(["data", "check", str(folder), "--html", str(tmp_path / f"{name}.html")])
        pages[name] = (tmp_path / f"{name}.html").read_text()
    hostile, harmless = (Tags(pages[name]).found for name in ("hostile", "harmless"))
    assert "&lt;script&gt;alert(1)" in pages["hostile"] and "{{ 7 * 7 }}" in pages["hostile"]
    assert "img" in hostile and hostile - {"br"} <= harmless | {"figcaption", "td", "tr", "tr class", "span"}
    assert not {tag for tag in hostile if tag.startswith("script") or " on" in tag}


def test_markup_of_tables_is_shown_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_set(tmp_path / "set", "a")
    (root / "classes.json").write_text(json.dumps({"[red]polyp[/red]": 255}))
    main(["data", "check", str(root)])
    assert "share of [red]polyp[/red]" in capsys.readouterr().out


def test_notes_that_would_act_are_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = write_set(tmp_path / "set", "a", "b")
    (root / "masks" / ESCAPES[0]).mkdir()
    main(["data", "check", str(root)])
    load_cases(str(root))
    for shown in (capsys.readouterr().out, caplog.text):
        assert "\\x1b[2J in it not looked at" in shown and ESCAPES[0] not in shown


def test_damaged_files_are_told_in_our_words_alone(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", "a", "b", "c")
    for kind in ("images", "masks"):
        for number, name in enumerate("abc"):
            (root / kind / f"{name}.png").rename(root / kind / f"{name}.tif")
            content = bytearray((root / kind / f"{name}.tif").read_bytes())
            (root / kind / f"{name}.tif").write_bytes(b"II*\0\x08\0\0\0\x09\0" + bytes(content[10 + number :]))
    done = subprocess.run(
        [sys.executable, "-m", "monaiseg", "data", "check", str(root)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 3 and "cannot be read as a picture" in done.stdout and done.stderr == ""
