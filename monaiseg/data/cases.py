"""What a case is, and the small helpers that every layout uses to list them."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

from monaiseg.errors import DataError, printable

Channel = str | list[str]
"""One label channel: a file, or several that are merged (one a nucleus, say)."""


class Case(TypedDict):
    """One picture or volume with its label; `label` has an entry a channel and is empty for prediction.

    An image of several files has its channels in their order.
    """

    image: str | list[str]
    label: list[Channel]
    id: str
    group: str | None


VOLUMES = (".nii", ".nii.gz", ".nrrd")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", *VOLUMES)


def stem(path: Path) -> str:
    """Return the file's name without its image suffix, `.nii.gz` counting as one, and its accents composed (NFC).

    macOS writes accents apart (NFD), so that one name can be spelt in two ways.
    """
    name = unicodedata.normalize("NFC", path.name)
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


def name_fault(path: Path) -> DataError | None:
    """Return the error that says why a path can be in no report: not UTF-8, or not to be shown; else None."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        return DataError(f"{shown}: its name is not valid UTF-8; rename it (convmv does whole archives)", "name")
    if printable(str(path)) != str(path):
        return DataError(f"{path}: its name holds what cannot be shown, such as a line break; rename it", "name")
    return None


def by_stem(folder: Path, faults: list[DataError] | None = None) -> dict[str, Path]:
    """Return the image files of a folder by stem.

    Args:
        faults: takes the errors, so that the other files can be seen too; None: the first is raised.

    Raises:
        DataError: two files share a stem, so that pairing by name would be a guess; or a name cannot be shown.
    """
    files: dict[str, Path] = {}
    for path in image_files(folder):
        fault = name_fault(path)
        other = path if fault else files.setdefault(stem(path), path)
        if other != path:
            fault = DataError(f"{path}: {other.name} has the same stem; keep one of the two", "same_name")
        if fault and faults is None:
            raise fault
        if fault and faults is not None:
            faults.append(fault)
    return files


def group_of(case: Case) -> str:
    """Return what a case must stay together with: its group, or itself."""
    return case["group"] or case["id"]


def images_of(case: Case) -> list[str]:
    """Return the image files of a case, in the order of their channels."""
    return [case["image"]] if isinstance(case["image"], str) else case["image"]


def label_files(case: Case) -> Iterator[str]:
    """Give every label file of a case."""
    for channel in case["label"]:
        yield from [channel] if isinstance(channel, str) else channel


def content_hash(case: Case) -> str:
    """Return the first half of a SHA-256 over the contents of all files of a case: it moves with any byte of them."""
    digest = hashlib.sha256()
    for name in (*images_of(case), *label_files(case)):
        with open(name, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]


def data_hash(cases: Sequence[Case]) -> str:
    """Return a SHA-256 over ids, file names and file sizes: it moves when files come, go or change size."""
    digest = hashlib.sha256()
    for case in sorted(cases, key=lambda case: case["id"]):
        for file in (*images_of(case), *label_files(case)):
            path = Path(file)
            digest.update(f"{case['id']}\t{path.name}\t{path.stat().st_size}\n".encode())
    return digest.hexdigest()
