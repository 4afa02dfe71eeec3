"""Helpers to plant faults: edits of one file, and what a report then tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
from PIL import Image

from monaiseg.data.cases import stem
from monaiseg.data.checking import CheckReport

Told = tuple[str, str, str]
Change = Callable[[np.ndarray], np.ndarray]


class Planted(NamedTuple):
    """What is done to a set, and what is to be told: a severity, a kind, and a file without its suffix."""

    plant: Callable[[Path], Any]
    severity: str
    kind: str
    file: str


def told(report: CheckReport) -> list[Told]:
    """Return severity, kind and file of each fault: a file from the root on, without suffix; the root itself is `.`."""
    root = report.found.root
    return sorted((fault.severity, fault.kind, _place(Path(fault.file), root)) for fault in report.faults)


def _place(file: Path, root: Path) -> str:
    return "." if file == root else str((file.parent / stem(file)).relative_to(root))


def at(root: Path, place: str) -> Path:
    """Return the file of that name, whatever its suffix."""
    folder, _, name = place.rpartition("/")
    (found,) = (file for file in (root / folder).iterdir() if stem(file) == name)
    return found


def picture_of(file: Path) -> np.ndarray:
    with Image.open(file) as picture:
        return np.asarray(picture)


def mask_of(file: Path) -> np.ndarray:
    """Return the mask `[H, W]` as 0 and 255, without the edges that JPEG leaves."""
    return np.where(picture_of(file) > 127, 255, 0).astype(np.uint8)


def write_png(file: Path, pixels: np.ndarray) -> None:
    """Put pixels in the place of a picture, as PNG."""
    file.unlink()
    Image.fromarray(pixels).save(file.with_suffix(".png"))


def change_mask(root: Path, place: str, change: Change) -> None:
    file = at(root, place)
    write_png(file, change(mask_of(file)))


def cut(file: Path, share: float) -> None:
    """Leave the first share of a file's bytes."""
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])


def values_of(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a volume as stored, and its affine."""
    volume = nibabel.load(file)
    return np.asarray(volume.dataobj), volume.affine


def write_volume(file: Path, values: np.ndarray, affine: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), file)


def change_volume(root: Path, place: str, change: Change = lambda values: values, move: Change = lambda a: a) -> None:
    """Change the values of a volume, or its affine."""
    file = at(root, place)
    values, affine = values_of(file)
    write_volume(file, change(values.copy()), move(affine.copy()))


def with_value(value: float) -> Change:
    """Put one value into the middle of a volume, which becomes floats if it has to."""

    def change(values: np.ndarray) -> np.ndarray:
        fits = isinstance(value, int) and np.can_cast(np.min_scalar_type(value), values.dtype)
        changed = values if fits else values.astype(np.float32 if isinstance(value, float) else np.int16)
        changed[tuple(side // 2 for side in values.shape)] = value
        return changed

    return change


def break_header(file: Path) -> None:
    """Make the first row of the sform no numbers."""
    volume = nibabel.load(file)
    copy = nibabel.Nifti1Image(np.asarray(volume.dataobj), volume.affine)
    copy.header["qform_code"], copy.header["sform_code"] = 0, 2
    copy.header["srow_x"] = np.nan
    copy._affine = None
    copy.to_filename(file)
