"""The page of a check: which cases are on it, and that it is refused before anything is looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from monaiseg.data.checking import check_data
from monaiseg.data.checking.page import FAULTY, ContactSheet
from monaiseg.errors import OutputError


def page_of(folder: Path, path: Path) -> str:
    sheet = ContactSheet(path)
    sheet.write(check_data(folder, see=sheet.add))
    return path.read_text()


def test_errors_come_before_warnings_and_what_is_left_out_is_said(
    tmp_path: Path, write_pairs: Callable[..., Path]
) -> None:
    folder = write_pairs(tmp_path / "set", FAULTY + 9, (16, 12))
    for mask in (folder / "masks").iterdir():
        Image.new("L", (12, 16)).save(mask)
    last = max((folder / "images").iterdir())
    last.write_bytes(last.read_bytes()[:60])
    content = page_of(folder, tmp_path / "page.html")
    assert f"Cases with faults: {FAULTY} of {FAULTY + 9}" in content
    first = content.index("Cases with faults")
    assert content.index(f"<figcaption>{last.stem}", first) < content.index("<figcaption>case_00", first)
    assert content.count('<span class="error">error: cannot be read') == 1
    assert content.count('<span class="warning">warning: mask is empty') == FAULTY


def test_copies_stand_beside_each_other(tmp_path: Path, write_pairs: Callable[..., Path]) -> None:
    folder = write_pairs(tmp_path / "set", 4, (40, 30))
    (folder / "images" / "case_03.png").write_bytes((folder / "images" / "case_01.png").read_bytes())
    content = page_of(folder, tmp_path / "page.html")
    assert "Cases that show the same, or nearly" in content and "case_01 and case_03" in content


def test_names_are_no_markup(tmp_path: Path, write_pairs: Callable[..., Path]) -> None:
    folder = write_pairs(tmp_path / "set", 2, (16, 12))
    for sub in ("images", "masks"):
        (folder / sub / "case_00.png").rename(folder / sub / '"><img src=x>.png')
    assert "<img src=x>" not in page_of(folder, tmp_path / "page.html")


@pytest.mark.parametrize("place", ["page.html", "nowhere/page.html"])
def test_a_page_that_cannot_be_written_is_refused_at_once(tmp_path: Path, place: str) -> None:
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(OutputError, match="choose another --html"):
        ContactSheet(tmp_path / place)
    assert (tmp_path / "page.html").read_text() == "mine"
