"""The rows of a list, of whatever format, become cases with their parts and folds; a row that cannot is told."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monaiseg.data.cases import Case, Channel, stem
from monaiseg.data.layouts._listing import Listing
from monaiseg.errors import DataError, printable

PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
    "testing": "test",
}
IMAGE, LABEL = "image", "label"
Row = dict[str, Any]
LONGEST = 200
"""Characters of an id: with what follows it, it must be the name of a file."""


class RowFault(ValueError):
    """What is wrong with a row."""


@dataclass
class _Entry:
    """What a row says: `case` is None for a test image without label."""

    number: int
    case: Case | None
    part: str | None
    fold: int | None


def listing_of(path: Path, rows: Sequence[Row | str]) -> Listing:
    """Return the cases of a list's rows, each a mapping, or the text of what is wrong with it.

    Args:
        path: the list; paths in rows are relative to its folder.
    """
    listing = Listing()
    entries = _entries(path, rows, listing)
    unlabelled = sum(entry.case is None for entry in entries)
    if unlabelled:
        listing.notes.append(f"{path}: test rows without label are left out, {unlabelled} of them")
    split, folded = (any(getattr(entry, name) is not None for entry in entries) for name in ("part", "fold"))
    for entry in entries:
        lacking = "split" if split and entry.part is None else ""
        lacking = lacking or ("fold" if folded and entry.fold is None and entry.part in (None, "train") else "")
        if lacking:
            listing.faults.append(_fault(path, entry.number, f"has no {lacking}, as other rows have; add it"))
        elif entry.case is not None:
            _add(listing, entry.case, entry)
    _check_folds(path, listing)
    return listing


def _fault(path: Path, number: int, wrong: str) -> DataError:
    return DataError(f"{path}: row {number} {wrong}", "list")


def _add(listing: Listing, case: Case, entry: _Entry) -> None:
    listing.cases.append(case)
    if entry.part is not None:
        listing.parts.setdefault(entry.part, []).append(case)
    if entry.fold is not None and entry.part in (None, "train"):
        listing.folds[case["id"]] = entry.fold


def _check_folds(path: Path, listing: Listing) -> None:
    numbers = sorted(set(listing.folds.values()))
    if numbers and "validation" in listing.parts:
        listing.notes.append(f"{path}: its folds are not used, because it names validation cases")
        listing.folds = {}
    elif numbers and (len(numbers) < 2 or numbers != list(range(len(numbers)))):
        told = ", ".join(map(str, numbers))
        fault = f"{path}: its folds are {told}; number two or more from 0 without a gap, or remove the column"
        listing.faults.append(DataError(fault, "list"))


def _entries(path: Path, rows: Sequence[Row | str], listing: Listing) -> list[_Entry]:
    """Return the entries of the rows that can be used; the others' faults go into the listing."""
    entries = []
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        try:
            entry = _entry(number, row, path.parent)
        except RowFault as error:
            wrong = str(error) if isinstance(row, str) else f"cannot be used ({error})"
            listing.faults.append(_fault(path, number, wrong))
            continue
        wrong = _unusable(entry.case, seen) if entry.case else ""
        if wrong:
            listing.faults.append(_fault(path, number, wrong))
            continue
        seen.add(entry.case["id"] if entry.case else "")
        entries.append(entry)
    return entries


def _entry(number: int, row: Row | str, folder: Path) -> _Entry:
    """Return what a row says; raises RowFault with what is wrong."""
    if isinstance(row, str):
        raise RowFault(row)
    if not isinstance(row, dict):
        raise RowFault("it is no object with image and label")
    split = str(row.get("split") or "").strip()
    if split and split.lower() not in PARTS:
        raise RowFault(f"its split is {split!r}; write train, validation or test")
    part = PARTS[split.lower()] if split else None
    case = _case(row, folder)
    if case is None and part != "test":
        raise RowFault("it names no label")
    fold = row.get("fold")
    if fold in (None, ""):
        return _Entry(number, case, part, None)
    if not re.fullmatch("[0-9]{1,6}", str(fold)):
        raise RowFault(f"its fold is {fold!r}; write a whole number from 0")
    return _Entry(number, case, part, int(fold))


def _case(row: Row, folder: Path) -> Case | None:
    """Return the case of a row, or None where it has no label."""
    image = _paths(folder, row.get(IMAGE), IMAGE)
    labels = row.get(LABEL) or []
    if not isinstance(labels, str | list):
        raise RowFault(f"its label is {labels!r}; write a path, or a list of them")
    label = [_paths(folder, entry, LABEL) for entry in ([labels] if isinstance(labels, str) else labels)]
    if not label:
        return None
    name, group = ("" if row.get(key) is None else str(row[key]) for key in ("id", "group"))
    first = image if isinstance(image, str) else image[0]
    if len(name) > LONGEST:
        raise RowFault(f"its id has {len(name)} characters; write {LONGEST} at most, as files are called by it")
    for text in (name, group, *_flat([image, *label])):
        if printable(text) != text:
            raise RowFault(f"{text!r} holds what cannot be shown; rename it")
    return Case(image=image, label=label, id=name or stem(Path(first)), group=group or None)


def _flat(label: Sequence[Channel]) -> list[str]:
    return [file for channel in label for file in ([channel] if isinstance(channel, str) else channel)]


def _paths(folder: Path, entry: Any, what: str) -> Channel:
    if not entry:
        raise RowFault(f"it names no {what}")
    if isinstance(entry, str):
        return _under(folder, entry)
    if not isinstance(entry, list) or not all(isinstance(name, str) and name for name in entry):
        raise RowFault(f"its {what} is {entry!r}; write a path, or a list of them")
    return [_under(folder, name) for name in entry]


def _under(folder: Path, name: str) -> str:
    """Return the path of a file in a list; Windows writes its separators otherwise."""
    path = Path(name)
    if "\\" in name and not os.path.isfile(folder / path):
        path = Path(name.replace("\\", "/"))
    if ".." in path.parts and not path.is_absolute():
        raise RowFault(f"{name!r} leads out of the folder of the list; write the whole path, from / on, if it is meant")
    return str(folder / path)


def _unusable(case: Case, seen: set[str]) -> str:
    if case["id"] in seen:
        return f"has the id {case['id']} of an earlier row; give each an id of its own"
    files = _flat([case["image"], *case["label"]])
    gone = next((file for file in files if not os.path.isfile(file)), None)
    return f"names {gone}, which does not exist" if gone else ""
