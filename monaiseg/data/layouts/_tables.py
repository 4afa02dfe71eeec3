"""Files that list cases, as a CSV table or a JSON list as MONAI's data lists are, read into rows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monaiseg._files import read_json
from monaiseg.data.classes import Classes, classes_beside, classes_in_json
from monaiseg.data.layouts._listing import Layout, Listing, by_name, merged_classes
from monaiseg.data.layouts._rows import IMAGE, LABEL, PARTS, Row, listing_of
from monaiseg.data.layouts._volumes import FACTS, has_folders
from monaiseg.errors import ConfigError, DataError

SEPARATOR = ";"
"""Between the files of a cell."""

LIST_SUFFIXES = (".csv", ".json")
_CLASS = "label_"
_DELIMITERS = ",;\t"
_UTF8 = "utf-8-sig"
"""Excel begins its UTF-8 with a mark that is no part of the text."""


def lists_in(root: Path) -> list[Path]:
    """Return the files of a folder that list cases; the `dataset.json` beside `imagesTr` does not count."""
    files = sorted((path for path in root.iterdir() if path.suffix.lower() in LIST_SUFFIXES), key=by_name)
    return [path for path in files if not (path.name == FACTS and has_folders(root)) and _lists_cases(path)]


def _lists_cases(path: Path) -> bool:
    try:
        if path.suffix.lower() == ".csv":
            return not _lacking(_columns(path)[0])
        return any(isinstance(row, dict) and IMAGE in row for row in _json_rows(read_json(path))[:1])
    except (OSError, ValueError, csv.Error):
        return False


def _json_rows(content: Any) -> list[Any]:
    """Return the rows of a JSON list, those of `{"training": [...], "validation": [...]}` with their part.

    A row that is a path alone, as the Decathlon has them for testing, is an image.
    """
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        return []
    named = ((PARTS[key], rows) for key, rows in content.items() if key in PARTS and isinstance(rows, list))
    whole = ((part, {IMAGE: row} if isinstance(row, str) else row) for part, rows in named for row in rows)
    return [{"split": part, **row} if isinstance(row, dict) else row for part, row in whole]


def _columns(path: Path) -> tuple[list[str], str]:
    """Return the columns of a table, and what separates them: that which gives most columns of a list."""
    with path.open(newline="", encoding=_UTF8) as file:
        line = file.readline()
    found = {mark: list(map(_column, next(csv.reader([line], delimiter=mark), []))) for mark in _DELIMITERS}
    best = max(found, key=lambda mark: sum(name in (IMAGE, LABEL) or name.startswith(_CLASS) for name in found[mark]))
    return found[best], best


def _column(name: str) -> str:
    """Return a column as it is meant: capitals count in the name of a class alone."""
    name = name.strip().strip('"')
    return _CLASS + name[len(_CLASS) :] if name.lower().startswith(_CLASS) else name.lower()


def _lacking(columns: Sequence[str]) -> str:
    """Return which column a table lacks to be a list of cases."""
    if IMAGE not in columns:
        return IMAGE
    return "" if any(name == LABEL or name.startswith(_CLASS) for name in columns) else LABEL


def _csv_rows(path: Path) -> tuple[list[Row | str], tuple[str, ...]]:
    """Return the rows of a table, and the classes that have a column `label_<class>` of their own."""
    columns, delimiter = _columns(path)
    if lacking := _lacking(columns):
        told = ", ".join(columns) or "empty"
        raise DataError(f"{path}: its header is {told}; a list of cases needs a column {lacking} (image, label)")
    named = [name for name in columns if name.startswith(_CLASS)]
    with path.open(newline="", encoding=_UTF8) as file:
        lines = list(csv.reader(file, delimiter=delimiter, skipinitialspace=True))[1:]
    rows = [_row(columns, line, named) for line in lines if any(cell.strip() for cell in line)]
    return rows, tuple(name.removeprefix(_CLASS) for name in named)


def _row(columns: Sequence[str], cells: Sequence[str], named: Sequence[str]) -> Row | str:
    """Return the row of a line, or what is wrong with it."""
    if any(cell.strip() for cell in cells[len(columns) :]):
        return f"has {len(cells)} cells, the header {len(columns)}; quote cells that hold what separates them"
    row: Row = dict.fromkeys(columns, "") | {name: cell.strip() for name, cell in zip(columns, cells, strict=False)}
    blank = [name for name in named if not row[name]]
    if blank and len(blank) < len(named):
        return f"has no {blank[0]} for {row[IMAGE]}; name an empty mask where the class does not occur"
    labels = [row[name] for name in named] if named else [row.get(LABEL)]
    return {**row, LABEL: [_files(label) for label in labels if label], IMAGE: _files(row[IMAGE])}


def _files(cell: str) -> str | list[str]:
    """Return the file of a cell, or the files where it names several; `a.png;` is a list of one."""
    files = [name.strip() for name in cell.split(SEPARATOR)]
    return files[0] if len(files) == 1 else [name for name in files if name]


def read_list(path: Path) -> Listing:
    """Return what a list of cases names; its paths are relative to its folder.

    A CSV has the columns `image` and `label`, or `label_<class>` a class, and may have `id`, `group`, `split` and
    `fold`; a cell may name several files, separated by `;`: the image's channels, or parts of a mask. A JSON file is a
    list of such rows, or has `training`, `validation` and `testing` lists of them, and `labels` with the classes by
    value. Where the list does not tell the classes, a table of classes beside it does.

    Raises:
        DataError: the file cannot be read, or is no list of cases.
    """
    classes: Classes | None = None
    try:
        if path.suffix.lower() == ".csv":
            rows, named = _csv_rows(path)
            classes = Classes("masks", named) if named else None
        else:
            content = read_json(path)
            rows = _json_rows(content)
            labels = content.get("labels") if isinstance(content, dict) else None
            classes = classes_in_json(labels, str(path)) if isinstance(labels, dict) else None
    except (OSError, ValueError, KeyError, csv.Error, ConfigError) as error:
        raise DataError(f"{path}: cannot be read as a list of cases ({error}); mend it") from error
    if not rows:
        raise DataError(f"{path}: lists no cases; write rows with image and label, or training and validation lists")
    listing = listing_of(path, rows)
    listing.classes = classes or classes_beside(path.parent) or merged_classes(listing)
    return listing


def _read_listed(root: Path) -> Listing:
    lists = lists_in(root)
    if len(lists) != 1:
        names = sorted(path.name for path in root.iterdir() if path.suffix.lower() in LIST_SUFFIXES)
        raise DataError(f"{root}: no single list of cases among {', '.join(names) or 'its files'}")
    return read_list(lists[0])


LISTS = Layout("list", "a .csv or .json list of cases", lambda root: len(lists_in(root)) == 1, _read_listed)
