"""What every layout says of a folder: its cases, its classes where it tells them, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from monaiseg.data.cases import Case, image_files
from monaiseg.data.classes import Classes
from monaiseg.errors import DataError

IMAGES = ("images", "image", "imgs", "original", "originals", "frames")
MASKS = ("masks", "mask", "labels", "label", "ground truth", "ground_truth", "groundtruth", "gt", "annotations")


@dataclass
class Listing:
    """What a layout found in a folder.

    Attributes:
        cases: those that are whole.
        classes: what the layout itself tells of them; None: the label files tell.
        parts: for a list that comes split, the ids of each part.
        faults: what makes a case unusable, an error each.
        notes: what is left out, a sentence each.
    """

    cases: list[Case] = field(default_factory=list)
    classes: Classes | None = None
    parts: dict[str, list[str]] = field(default_factory=dict)
    faults: list[DataError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """A way to lay cases out in a folder.

    Attributes:
        name: what `layout` calls it.
        looks_like: how the folder looks, for error messages.
        recognises: whether a folder looks so.
        read: lists the cases of such a folder.
    """

    name: str
    looks_like: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], Listing]


def subfolders(root: Path) -> list[Path]:
    """Return the subfolders that are not hidden, in natural order."""
    return sorted((path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")), key=natural)


def subfolder(root: Path, names: tuple[str, ...]) -> Path | None:
    """Return the subfolder with the first of the names that exists, whatever its case."""
    folders = {path.name.lower(): path for path in subfolders(root)}
    return next((folders[name] for name in names if name in folders), None)


def natural(path: Path) -> list[int | str]:
    """Return a sorting key that puts 2 before 10."""
    parts = re.split(r"([0-9]+)", path.name)
    return [int(part) if number else part for part, number in zip(parts, cycle((False, True)), strict=False)]


def images_and_masks(root: Path) -> tuple[Path, Path] | None:
    """Return the folders of the images and of the masks; the images' may have any name where it is the only other."""
    masks = subfolder(root, MASKS)
    if masks is None:
        return None
    images = subfolder(root, IMAGES)
    if images is None:
        others = [folder for folder in subfolders(root) if folder != masks and image_files(folder)]
        images = others[0] if len(others) == 1 else None
    return None if images is None else (images, masks)
