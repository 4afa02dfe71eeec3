"""`monaiseg data check`: text, JSON and a page; the exit code tells clean, warnings and errors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monaiseg.cli import main

Write = Callable[..., Path]


@pytest.fixture
def pairs(tmp_path: Path, write_pairs: Write) -> Path:
    return write_pairs(tmp_path / "set", 4)


def test_a_clean_set(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(pairs)]) == 0
    out = capsys.readouterr().out
    assert "layout images_masks, classes foreground" in out and "all (4)" in out and "0 errors, 0 warnings" in out


def test_warnings_and_errors_have_their_exit_codes(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.zeros((64, 48), np.uint8)).save(pairs / "masks" / "case_01.png")
    assert main(["data", "check", str(pairs)]) == 6
    assert "warning: empty (1)\n" in capsys.readouterr().out
    (pairs / "masks" / "case_02.png").write_bytes(b"")
    assert main(["data", "check", str(pairs)]) == 3
    out = capsys.readouterr().out
    assert out.index("error: unreadable (1)") < out.index("warning: empty (1)")
    assert f"  {pairs / 'masks' / 'case_02.png'}: cannot be read as a picture" in out


def test_json_has_every_fault(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        (pairs / "masks" / f"case_0{number}.png").unlink()
    assert main(["data", "check", str(pairs), "--json"]) == 3
    facts = json.loads(capsys.readouterr().out)
    assert [fault["kind"] for fault in facts["faults"]] == ["unpaired"] * 3
    assert facts["cases"] == {"all": 1} and facts["worst"] == "error"


def test_the_page_shows_cases_and_faults_and_is_never_overwritten(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pairs / "masks" / "case_02.png").write_bytes(b"")
    page = tmp_path / "page.html"
    assert main(["data", "check", str(pairs), "--html", str(page)]) == 3
    content = page.read_text()
    assert content.count("data:image/jpeg;base64,") == 4
    assert "case_02" in content and "cannot be read as a picture" in content
    capsys.readouterr()
    assert main(["data", "check", str(pairs), "--html", str(page)]) == 5
    assert "is there already; choose another --html" in capsys.readouterr().err
    assert page.read_text() == content


def test_the_page_shows_near_duplicates_beside_each_other(pairs: Path, tmp_path: Path) -> None:
    original = Image.open(pairs / "images" / "case_01.png")
    original.save(pairs / "images" / "case_02.png", "JPEG", quality=70)
    page = tmp_path / "page.html"
    assert main(["data", "check", str(pairs), "--html", str(page)]) == 6
    content = page.read_text()
    assert "Cases that show the same, or nearly" in content and "case_01 and case_02" in content
    assert content.count('class=" wide"') == 1


def test_what_is_no_data_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(tmp_path)]) == 3
    assert "the folder is empty" in capsys.readouterr().err


def test_checking_imports_neither_torch_nor_monai(pairs: Path) -> None:
    code = (
        "import sys; from monaiseg.cli import main; main(sys.argv[1:]); "
        "sys.exit(', '.join({'torch', 'monai', 'ignite'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, "data", "check", str(pairs)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
