"""Sound sets to plant faults into: drawn ones everywhere, and copies of real cases where these are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data.checking.planting import write_volume
from PIL import Image, ImageDraw

SIZE = (60, 80)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
Sets = pytest.fixture(params=["drawn", "real"])


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


@Sets
def pairs(request: pytest.FixtureRequest, tmp_path: Path, real_data: Callable[[str], Path]) -> Path:
    """Twelve sound pairs, called 0 to 11, the last two in `validation`: drawn, or polyps of Kvasir-SEG."""
    for number in range(12):
        side = tmp_path / ("validation" if number > 9 else "train")
        for sub, draw in (("images", picture), ("masks", mask)):
            (side / sub).mkdir(parents=True, exist_ok=True)
            if request.param == "drawn":
                draw(number).save(side / sub / f"{number}.png")
            else:
                source = sorted((real_data("kvasir-seg") / "train" / sub).iterdir())[10 * number]
                shutil.copy(source, side / sub / f"{number}{source.suffix}")
    return tmp_path


def scan(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 20, (12, 14, 9)).astype(np.float32)


def truth() -> np.ndarray:
    values = np.zeros((12, 14, 9), np.uint8)
    values[3:6, 4:8, 2:5], values[6:8, 4:8, 2:5] = 1, 2
    return values


SOUND_SCANS = ("hippocampus_004", "hippocampus_007", "hippocampus_008", "hippocampus_011", "hippocampus_015")


@Sets
def scans(request: pytest.FixtureRequest, tmp_path: Path, real_data: Callable[[str], Path]) -> Path:
    """Five sound volumes with two classes, called 0 to 4: drawn, or brain scans of the Decathlon."""
    for number, name in enumerate(SOUND_SCANS):
        if request.param == "drawn":
            write_volume(tmp_path / f"imagesTr/{number}.nii.gz", scan(number), AFFINE)
            write_volume(tmp_path / f"labelsTr/{number}.nii.gz", truth(), AFFINE)
        else:
            for sub in ("imagesTr", "labelsTr"):
                (tmp_path / sub).mkdir(exist_ok=True)
                shutil.copy(real_data("msd-hippocampus") / sub / f"{name}.nii.gz", tmp_path / sub / f"{number}.nii.gz")
    return tmp_path
