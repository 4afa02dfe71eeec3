"""What a case is, and the small helpers that every layout uses to list them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

from monaiseg.errors import DataError

Channel = str | list[str]
"""One label channel: a file, or several that are merged (one a nucleus, say)."""


class Case(TypedDict):
    """One picture or volume with its label; `label` has an entry a channel and is empty for prediction."""

    image: str
    label: list[Channel]
    id: str
    group: str | None


VOLUMES = (".nii", ".nii.gz")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", *VOLUMES)


def stem(path: Path) -> str:
    """Return the file's name without its image suffix, `.nii.gz` counting as one."""
    name = path.name
    for suffix in sorted(IMAGE_SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def image_files(folder: Path) -> list[Path]:
    """Return the image files of a folder, sorted by name; hidden files are left out."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name.lower().endswith(IMAGE_SUFFIXES) and not path.name.startswith(".")
    )


def by_stem(folder: Path) -> dict[str, Path]:
    """Return the image files of a folder by stem.

    Raises:
        DataError: two files share a stem, so that pairing by name would be a guess.
    """
    files: dict[str, Path] = {}
    for path in image_files(folder):
        other = files.setdefault(stem(path), path)
        if other != path:
            raise DataError(f"{path}: {other.name} has the same stem; keep one of the two")
    return files


def find_cases(folder: str | Path) -> list[Case]:
    """Return the images of a folder, or the one image that `folder` is, as cases without labels.

    Raises:
        DataError: there is no such folder, no image in it, or two images of one stem.
    """
    path = Path(folder)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    files = list(by_stem(path).values()) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: no images in it; expected files ending in {', '.join(IMAGE_SUFFIXES)}")
    return [Case(image=str(file), label=[], id=stem(file), group=None) for file in files]


def label_files(case: Case) -> Iterator[str]:
    """Give every label file of a case."""
    for channel in case["label"]:
        yield from [channel] if isinstance(channel, str) else channel


def data_hash(cases: Sequence[Case]) -> str:
    """Return a SHA-256 over ids, file names and file sizes: it moves when files come, go or change size."""
    digest = hashlib.sha256()
    for case in sorted(cases, key=lambda case: case["id"]):
        for file in (case["image"], *label_files(case)):
            path = Path(file)
            digest.update(f"{case['id']}\t{path.name}\t{path.stat().st_size}\n".encode())
    return digest.hexdigest()
