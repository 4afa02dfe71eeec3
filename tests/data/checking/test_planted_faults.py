"""Faults planted into sound sets: each is told once, of the right kind and with the right file, and nothing else is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import pytest
from PIL import Image, ImageDraw

from monaiseg.data.checking import CheckReport, check_data

SIZE = (60, 80)


def picture(seed: int) -> Image.Image:
    """A coloured picture with a bright ellipse, unlike those of other seeds."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 120, (5, 7, 3), np.uint8)
    image = Image.fromarray(coarse).resize(SIZE[::-1], Image.Resampling.BICUBIC)
    ImageDraw.Draw(image).ellipse(ellipse(seed), fill=(220, 160, 150))
    noise = rng.integers(0, 12, (*SIZE, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def ellipse(seed: int) -> tuple[int, int, int, int]:
    rng = np.random.default_rng((seed, 1))
    left, top = int(rng.integers(5, 35)), int(rng.integers(5, 25))
    return (left, top, left + int(rng.integers(15, 40)), top + int(rng.integers(12, 28)))


def mask(seed: int) -> Image.Image:
    image = Image.new("L", SIZE[::-1])
    ImageDraw.Draw(image).ellipse(ellipse(seed), fill=255)
    return image


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Twelve sound pairs, train and validation."""
    for number in range(12):
        side = tmp_path / ("validation" if number > 9 else "train")
        for sub, draw in (("images", picture), ("masks", mask)):
            (side / sub).mkdir(parents=True, exist_ok=True)
            draw(number).save(side / sub / f"{number}.png")
    return tmp_path


def cropped(source: Path, target: Path) -> None:
    """Write the source without its rim, at its size: the same view, other pixels."""
    Image.open(source).crop((4, 3, 76, 57)).resize(SIZE[::-1], Image.Resampling.BICUBIC).save(target)


def volume(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 2.0, 1.0]) if affine is None else affine), path)


def scan(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 20, (12, 14, 9)).astype(np.float32)


def truth() -> np.ndarray:
    values = np.zeros((12, 14, 9), np.uint8)
    values[3:6, 4:8, 2:5], values[6:8, 4:8, 2:5] = 1, 2
    return values


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Six sound volumes with two classes."""
    for number in range(6):
        volume(tmp_path / f"imagesTr/{number}.nii.gz", scan(number))
        volume(tmp_path / f"labelsTr/{number}.nii.gz", truth())
    return tmp_path


def edit(file: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    Image.fromarray(change(np.asarray(Image.open(file)).copy())).save(file)


def told(report: CheckReport) -> list[tuple[str, str, str]]:
    root = report.found.root
    return [
        (fault.severity, fault.kind, "." if fault.file == str(root) else str(Path(fault.file).relative_to(root)))
        for fault in report.faults
    ]


class Planted(NamedTuple):
    """What is done to one file, and what is to be told."""

    plant: Callable[[Path], Any]
    severity: str
    kind: str
    file: str


def with_spike(file: Path) -> None:
    values = scan(0)
    values[0, 0, 0] = 1e9
    volume(file, values)


def turned(values: np.ndarray, file: Path) -> None:
    volume(file, values, np.diag([-1.0, 1.0, 2.0, 1.0]))


def with_value(value: float) -> Callable[[Path], None]:
    def plant(root: Path) -> None:
        values = scan(0)
        values[1, 2, 3] = value
        volume(root / "imagesTr/0.nii.gz", values)

    return plant


M, I = "train/masks/3.png", "train/images/3.png"  # noqa: E741
PICTURES = {
    "a mask is missing": Planted(lambda r: (r / M).unlink(), "error", "unpaired", I),
    "an image is cut short": Planted(
        lambda r: (r / I).write_bytes((r / I).read_bytes()[:3000]), "error", "unreadable", I
    ),
    "an image is empty": Planted(lambda r: (r / I).write_bytes(b""), "error", "unreadable", I),
    "an image is a text": Planted(lambda r: (r / I).write_text("id,label\n"), "error", "unreadable", I),
    "a mask is cut short": Planted(lambda r: (r / M).write_bytes((r / M).read_bytes()[:60]), "error", "unreadable", M),
    "a mask is turned": Planted(lambda r: edit(r / M, np.rot90), "error", "size", M),
    "a mask is smaller": Planted(lambda r: edit(r / M, lambda m: m[::2, ::2]), "error", "size", M),
    "a mask is coloured": Planted(lambda r: edit(r / M, lambda m: np.dstack([m, 0 * m, 0 * m])), "error", "colour", M),
    "a mask is partly transparent": Planted(
        lambda r: edit(r / M, lambda m: np.dstack([m, m, m, 255 - m // 2])), "error", "transparent", M
    ),
    "a mask has three values": Planted(
        lambda r: edit(r / M, lambda m: np.where(np.arange(80) < 40, m // 2, m).astype(np.uint8)), "error", "values", M
    ),
    "a mask was smoothed": Planted(
        lambda r: Image.open(r / M).resize((8, 6)).resize((80, 60), Image.Resampling.BICUBIC).save(r / M),
        "error",
        "values",
        M,
    ),
    "a mask is the image": Planted(lambda r: shutil.copy(r / I, r / M), "error", "colour", M),
    "a mask is empty": Planted(lambda r: edit(r / M, np.zeros_like), "warning", "empty", M),
    "a mask is inverted": Planted(
        lambda r: edit(r / M, lambda m: np.where(np.arange(80) < 2, 0, 255 + 0 * m).astype(np.uint8)),
        "warning",
        "inverted",
        M,
    ),
    "an image is black": Planted(lambda r: edit(r / I, np.zeros_like), "warning", "constant", I),
    "an image is there twice": Planted(
        lambda r: shutil.copy(r / "train/images/2.png", r / I), "warning", "duplicate", I
    ),
    "an image is in training too": Planted(
        lambda r: shutil.copy(r / I, r / "validation/images/11.png"), "warning", "leak", "validation/images/11.png"
    ),
    "an image is there as a JPEG too": Planted(
        lambda r: Image.open(r / "train/images/2.png").save(r / I, "JPEG", quality=60), "warning", "near_duplicate", I
    ),
    "a crop of an image is in training too": Planted(
        lambda r: cropped(r / I, r / "validation/images/11.png"), "warning", "near_leak", "validation/images/11.png"
    ),
    "two masks of one stem": Planted(
        lambda r: Image.open(r / M).save(r / "train/masks/3.bmp"), "error", "same_name", M
    ),
    "a TIFF of two pages": Planted(
        lambda r: (
            picture(3).save(r / "train/images/3.tif", save_all=True, append_images=[picture(4)]),
            (r / I).unlink(),
        ),
        "error",
        "frames",
        "train/images/3.tif",
    ),
}

A, B = "imagesTr/0.nii.gz", "labelsTr/0.nii.gz"
VOLUMES = {
    "a label is missing": Planted(lambda r: (r / B).unlink(), "error", "unpaired", A),
    "a volume is cut short": Planted(
        lambda r: (r / A).write_bytes((r / A).read_bytes()[:900]), "error", "unreadable", A
    ),
    "a label is cut short": Planted(
        lambda r: (r / B).write_bytes((r / B).read_bytes()[:100]), "error", "unreadable", B
    ),
    "a voxel is not a number": Planted(with_value(np.nan), "error", "not_finite", A),
    "a voxel is infinite": Planted(with_value(np.inf), "error", "not_finite", A),
    "a voxel is absurd": Planted(lambda r: with_spike(r / A), "warning", "intensity", A),
    "a label has another spacing": Planted(
        lambda r: volume(r / B, truth(), np.diag([1.0, 1.0, 3.0, 1.0])), "error", "spacing", B
    ),
    "a label points elsewhere": Planted(lambda r: turned(truth(), r / B), "error", "orientation", B),
    "a label lies elsewhere": Planted(
        lambda r: volume(r / B, truth(), np.array([[1.0, 0, 0, 50], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])),
        "warning",
        "origin",
        B,
    ),
    "a label has another size": Planted(lambda r: volume(r / B, truth()[:-1]), "error", "size", B),
    "a label has a stray value": Planted(
        lambda r: volume(r / "labelsTr/5.nii.gz", truth() * 2), "error", "gaps", "labelsTr/5.nii.gz"
    ),
    "a label is stored as float": Planted(
        lambda r: volume(r / B, truth().astype(np.float32)), "warning", "float_label", B
    ),
    "a label was interpolated": Planted(
        lambda r: volume(r / B, truth().astype(np.float32) * 0.75), "error", "values", B
    ),
    "a label is empty": Planted(lambda r: volume(r / B, 0 * truth()), "warning", "empty", B),
    "a volume is a slice": Planted(
        lambda r: (volume(r / A, scan(0)[..., 0]), volume(r / B, truth()[..., 3])), "error", "dimensions", A
    ),
}


def test_sound_sets_are_clean(pairs: Path, scans: Path) -> None:
    for name in ("train", "validation"):
        assert told(check_data(pairs / name)) == []
    (pairs / "x").mkdir()
    for sub in ("imagesTr", "labelsTr"):
        (scans / sub).rename(pairs / "x" / sub)
    report = check_data(pairs / "x")
    assert told(report) == [] and report.worst == "clean"


@pytest.mark.parametrize("planted", PICTURES.values(), ids=PICTURES)
def test_faults_of_pictures(pairs: Path, planted: Planted) -> None:
    planted.plant(pairs)
    assert told(check_data(pairs)) == [(planted.severity, planted.kind, planted.file)]


@pytest.mark.parametrize("planted", VOLUMES.values(), ids=VOLUMES)
def test_faults_of_volumes(scans: Path, planted: Planted) -> None:
    planted.plant(scans)
    assert (planted.severity, planted.kind, planted.file) in told(check_data(scans))
    assert len(told(check_data(scans))) == 1
