"""Cases listed in a file: a CSV table, or a JSON list as MONAI's data lists are."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monaiseg.data.cases import Case, Channel, stem
from monaiseg.data.classes import Classes, classes_beside, classes_in_json
from monaiseg.data.layouts._listing import Layout, Listing, natural
from monaiseg.errors import DataError

PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
    "testing": "test",
}
SEPARATOR = ";"
_CLASS = "label_"


def list_file(root: Path) -> Path | None:
    """Return the one file in a folder, or the file itself, that lists cases; None where there is none or several."""
    files = [root] if root.is_file() else sorted(root.glob("*.csv")) + sorted(root.glob("*.json"))
    lists = [path for path in files if _lists_cases(path)]
    return lists[0] if len(lists) == 1 else None


def _lists_cases(path: Path) -> bool:
    try:
        if path.suffix.lower() == ".csv":
            with path.open(newline="") as file:
                columns = next(csv.reader(file), [])
            return _IMAGE in columns and any(column.startswith("label") for column in columns)
        return any(isinstance(row, dict) and _IMAGE in row for row in _json_rows(json.loads(path.read_text()))[:1])
    except (OSError, ValueError):
        return False


_IMAGE = "image"


def _json_rows(content: Any) -> list[dict[str, Any]]:
    """Return the rows of a JSON list, those of `{"training": [...], "validation": [...]}` with their part."""
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        return []
    named = ((PARTS[key], rows) for key, rows in content.items() if key in PARTS and isinstance(rows, list))
    return [{"split": part, **row} for part, rows in named for row in rows if isinstance(row, dict)]


def _csv_rows(path: Path) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the rows of a table, and the classes that have a column `label_<class>` of their own."""
    with path.open(newline="") as file:
        table = csv.DictReader(file)
        named = tuple(name for name in table.fieldnames or () if name.startswith(_CLASS))
        rows = []
        for row in table:
            labels = [row[name] for name in named] if named else [row.get("label") or ""]
            rows.append({**row, "label": [_files(label) for label in labels if label], _IMAGE: _files(row[_IMAGE])})
    return rows, tuple(name.removeprefix(_CLASS) for name in named)


def _files(cell: str) -> str | list[str]:
    """Return the file of a cell, or the files where it names several; `a.png;` is a list of one."""
    files = [name.strip() for name in cell.split(SEPARATOR)]
    return files[0] if len(files) == 1 else [name for name in files if name]


def read_list(path: Path) -> Listing:
    """Return what a list of cases names; its paths are relative to its folder.

    A CSV has the columns `image` and `label`, or `label_<class>` a class, and may have `id`, `group` and `split`; a
    cell may name several files, separated by `;`: the image's channels, or parts of a mask. A JSON file is a list of
    such rows, or has `training` and `validation` lists of them, and `labels` with the classes by value. Where neither
    tells the classes, a table beside the list does, as beside folders of masks.
    """
    try:
        if path.suffix.lower() == ".csv":
            rows, named = _csv_rows(path)
            classes = Classes("masks", named) if named else None
        else:
            content = json.loads(path.read_text())
            rows = _json_rows(content)
            labels = content.get("labels") if isinstance(content, dict) else None
            classes = classes_in_json(labels, str(path)) if isinstance(labels, dict) else None
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as a list of cases ({error}); mend it") from error
    return _listing(path, rows, classes or classes_beside(path.parent))


def _listing(path: Path, rows: Sequence[Mapping[str, Any]], classes: Classes | None) -> Listing:
    listing = Listing(classes=classes)
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        try:
            case, part = _case(row, path.parent)
        except (KeyError, TypeError, ValueError) as error:
            listing.faults.append(DataError(f"{path}: row {number} cannot be used ({error})", "list"))
            continue
        fault = _fault(case, seen)
        if fault:
            listing.faults.append(DataError(f"{path}: row {number} {fault}", "list"))
            continue
        seen.add(case["id"])
        listing.cases.append(case)
        if part:
            listing.parts.setdefault(part, []).append(case["id"])
    return listing


def _case(row: Mapping[str, Any], folder: Path) -> tuple[Case, str | None]:
    image = _under(folder, row[_IMAGE])
    labels = row.get("label") or []
    label: list[Channel] = [_under(folder, entry) for entry in ([labels] if isinstance(labels, str) else labels)]
    if not label:
        raise ValueError("it names no label")
    split = row.get("split")
    if split and str(split).lower() not in PARTS:
        raise ValueError(f"its split is {split!r}; write train, validation or test")
    first = image if isinstance(image, str) else image[0]
    name = str(row.get("id") or stem(Path(first)))
    group = str(row["group"]) if row.get("group") else None
    return Case(image=image, label=label, id=name, group=group), PARTS[str(split).lower()] if split else None


def _under(folder: Path, entry: str | list[str]) -> Any:
    if isinstance(entry, str):
        return str(folder / entry)
    return [str(folder / name) for name in entry]


def _fault(case: Case, seen: set[str]) -> str:
    if case["id"] in seen:
        return f"has the id {case['id']} of an earlier row; give each an id of its own"
    named = [case["image"], *case["label"]]
    files = [file for entry in named for file in ([entry] if isinstance(entry, str) else entry)]
    gone = next((file for file in files if not Path(file).is_file()), None)
    return f"names {gone}, which does not exist" if gone else ""


def _read_listed(root: Path) -> Listing:
    path = list_file(root)
    if path is None:
        names = sorted((path for path in root.iterdir() if path.suffix in (".csv", ".json")), key=natural)
        raise DataError(f"{root}: no single list of cases among {', '.join(p.name for p in names) or 'its files'}")
    return read_list(path)


LISTS = Layout("list", "a .csv or .json list of cases", lambda root: list_file(root) is not None, _read_listed)
