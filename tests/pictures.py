"""Small image and label files, and how a refusal of one is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from monaiseg.data import Case
from monaiseg.errors import DataError

Pixels = npt.NDArray[Any]
GREYS = np.arange(0, 240, 10, dtype=np.uint8).reshape(6, 4)
COLOURS = np.random.default_rng(0).integers(0, 256, (6, 4, 3), np.uint8)
DISC = np.hypot(*np.mgrid[-20:20, -15:15]) < 11


def png(folder: Path, pixels: Pixels, mode: str | None = None, name: str = "a.png") -> str:
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(folder / name)
    return str(folder / name)


def nifti(folder: Path, values: Pixels, name: str = "a.nii.gz") -> str:
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / name)
    return str(folder / name)


def case(*labels: str, image: str = "image.png") -> Case:
    return Case(image=image, label=list(labels), id="a", group=None)


def refused(call: Callable[[], object], path: str, *parts: str) -> None:
    """The error starts with the file, says `parts` and is one line."""
    with pytest.raises(DataError) as raised:
        call()
    message = str(raised.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    for part in parts:
        assert part in message
