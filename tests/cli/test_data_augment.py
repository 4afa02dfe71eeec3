"""`monaiseg data augment`: the picture it writes and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
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


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The images and labels that are drawn; nothing is done to them."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def draw_sheet(augmentation: Any, image: torch.Tensor, label: torch.Tensor, *_: Any) -> np.ndarray:
        seen.append((image, label))
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr("monaiseg.data.augment.sheet.draw_sheet", draw_sheet)
    return seen


def test_a_large_picture_is_reduced(tmp_path: Path, write_pairs: Write, drawn: list[Any]) -> None:
    folder = write_pairs(tmp_path / "large", 1, (300, 700))
    assert main(["data", "augment", str(folder), "--output", str(tmp_path / "large.png")]) == 0
    (image, label), sizes = drawn[0], {(110, 256), (256, 110)}
    assert image.shape[0] == 3 and tuple(image.shape[1:]) in sizes and image.dtype == torch.float32
    assert 0.5 < image.max() <= 1 and label.shape[1:] == image.shape[1:] and set(label.unique().tolist()) == {0, 1}


def write_volume(folder: Path, values: np.ndarray, mask: np.ndarray) -> Path:
    for kind, array in (("images", values), ("masks", mask)):
        (folder / kind).mkdir(parents=True)
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), folder / kind / "a.nii.gz")
    return folder


def test_of_a_large_volume_a_box_about_the_foreground_is_drawn(tmp_path: Path, drawn: list[Any]) -> None:
    mask = np.zeros((150, 120, 20), np.uint8)
    mask[130:148, 4:9, 3:18] = 1
    folder = write_volume(tmp_path / "cases", np.random.default_rng(0).normal(size=mask.shape).astype(np.float32), mask)
    assert main(["data", "augment", str(folder), "--preset", "volume", "--output", str(tmp_path / "a.png")]) == 0
    image, label = drawn[0]
    assert image.shape == (1, 96, 96, 20) == label.shape and int(label.sum()) == int(mask.sum())


def test_classes_are_told_as_a_training_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.zeros((24, 24, 12), np.uint8)
    values[4:9, 4:9, 2:8], values[14:20, 14:20, 2:8] = 1, 3
    image = np.random.default_rng(0).normal(size=values.shape).astype(np.float32)
    folder, output = write_volume(tmp_path / "cases", image, values), str(tmp_path / "a.png")
    assert main(["data", "augment", str(folder), "--preset", "light", "--output", output]) == 3
    assert "classes" in capsys.readouterr().err, "values with gaps are asked about"
    told = ["--classes", "{'liver': 1, 'tumour': 3}"]
    assert main(["data", "augment", str(folder), "--preset", "light", "--output", output, *told]) == 0


def test_a_volume(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(500, 90, (12, 16, 14)).astype(np.float32)
    write_volume(tmp_path / "cases", values, (values > 500).astype(np.uint8))
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
        (["--seed", "-1"], 2, "--seed is -1; it must be a whole number from 0"),
        (["--output", "new.jpg"], 2, "new.jpg: the picture is a PNG; give an --output that ends with .png"),
        (["--classes", "liver"], 2, "--classes"),
        (["--in_channels", "0"], 2, "--in_channels is 0; it must be a whole number from 1"),
    ],
)
def test_what_is_refused(
    folder: Path, tmp_path: Path, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "augment.png"
    assert main(["data", "augment", str(folder), "--output", str(output), *arguments]) == code
    captured = capsys.readouterr().err
    assert message in captured and captured.count("\n") == 1 and not output.exists()


def test_a_case_of_a_set_that_comes_split_is_called_after_its_part(
    tmp_path: Path, write_pairs: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "validation"):
        write_pairs(tmp_path / "set" / part, 2, (24, 20))
    arguments = ["data", "augment", str(tmp_path / "set"), "--output", str(tmp_path / "a.png"), "--case"]
    assert main([*arguments, "train_case_01"]) == 0
    assert "on case train_case_01" in capsys.readouterr().out
    assert main([*arguments[:-2], str(tmp_path / "b.png"), "--case", "case_01"]) == 3
    assert "did you mean" in capsys.readouterr().err


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
