"""`monaiseg data augment`: the picture it writes and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from monaiseg.cli import main

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, write_pairs: Write) -> Path:
    return write_pairs(tmp_path / "cases", 3, (40, 56))


def test_the_picture_of_a_preset(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "new" / "augment.png"
    assert (
        main(["data", "augment", str(folder), "--preset", "nuclei", "--case", "case_01", "--output", str(output)]) == 0
    )
    assert f"augment nuclei on case case_01: written to {output}" in capsys.readouterr().out
    with Image.open(output) as picture:
        assert picture.mode == "RGB" and picture.width > 1000
    other = tmp_path / "other.png"
    assert (
        main(["data", "augment", str(folder), "--preset", "nuclei", "--case", "case_01", "--output", str(other)]) == 0
    )
    assert other.read_bytes() == output.read_bytes(), "the same seed, the same picture"


def test_a_large_picture_is_reduced(tmp_path: Path, write_pairs: Write) -> None:
    folder = write_pairs(tmp_path / "large", 1, (300, 700))
    assert main(["data", "augment", str(folder), "--output", str(tmp_path / "large.png")]) == 0


def test_a_volume(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(500, 90, (12, 16, 14)).astype(np.float32)
    for kind, array in (("images", values), ("masks", (values > 500).astype(np.uint8))):
        (tmp_path / "cases" / kind).mkdir(parents=True)
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "cases" / kind / "a.nii.gz")
    arguments = ["data", "augment", str(tmp_path / "cases"), "--preset", "volume", "--output", str(tmp_path / "a.png")]
    assert main(arguments) == 0
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 1000


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--preset", "polip"], 2, "augment is 'polip'; did you mean 'polyp'?"),
        (["--case", "case_7"], 3, "no case 'case_7' in it; did you mean 'case_0"),
        (["--layout", "dsb"], 2, "layout is 'dsb'"),
    ],
)
def test_what_is_refused(
    folder: Path, tmp_path: Path, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "augment.png"
    assert main(["data", "augment", str(folder), "--output", str(output), *arguments]) == code
    captured = capsys.readouterr().err
    assert message in captured and captured.count("\n") == 1 and not output.exists()


def test_nothing_is_overwritten(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "augment.png"
    output.write_text("mine")
    assert main(["data", "augment", str(folder), "--output", str(output)]) == 2
    assert "exists already" in capsys.readouterr().err and output.read_text() == "mine"


@pytest.mark.parametrize("folder_and_preset", ["kvasir-seg/train polyp", "dsb2018/stage1_train nuclei"])
def test_real_pictures(folder_and_preset: str, real_data: Callable[[str], Path], tmp_path: Path) -> None:
    folder, preset = folder_and_preset.split()
    output = tmp_path / "augment.png"
    assert main(["data", "augment", str(real_data(folder)), "--preset", preset, "--output", str(output)]) == 0
    assert output.stat().st_size > 100_000
