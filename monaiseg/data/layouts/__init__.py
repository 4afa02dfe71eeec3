"""Turns a folder as people have it into cases: recognises how it is laid out, and says what it took and what not."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from monaiseg.data.cases import Case, name_fault
from monaiseg.data.layouts._finding import LAYOUTS, find
from monaiseg.data.layouts._listing import FoundData, Layout
from monaiseg.data.layouts._tables import lists_in
from monaiseg.errors import ConfigError, DataError, printable, suggest

__all__ = ["LAYOUTS", "FoundData", "Layout", "checked_layout", "find_data", "list_cases"]

logger = logging.getLogger("monaiseg")


def find_data(root: Path, layout: str = "auto") -> FoundData:
    """Return what is in a folder, or in a list of cases.

    A list that names files which exist comes before the folder it lies in. A folder that comes split is read part by
    part; one that holds the set one level deeper is followed there; of two subfolders with the same cases, as TIF and
    as PNG, the larger is taken; other sets side by side become one.

    Raises:
        ConfigError: there is no such layout.
        DataError: there is no such folder, it cannot be recognised, or holds no case.
    """
    names = checked_layout(layout)
    if not root.exists():
        raise DataError(f"{root}: no such folder; give an existing one, or a file that lists cases")
    if fault := name_fault(root):
        raise fault
    found = find(root, layout, set())
    if found is None and layout in names:
        found = FoundData.of(root, layout, LAYOUTS[names.index(layout)].read(root))
    if found is None:
        raise _unknown(root)
    if found.root != root:
        found.notes.insert(0, f"{root}: the cases are in {found.root.relative_to(root)}")
    for part, cases in found.parts.items():
        if not cases and not found.faults:
            where = f" for {part}" if part != "all" else ""
            told = f"; {found.notes[-1]}" if found.notes else ""
            raise DataError(f"{found.root}: no images in it{where}; expected {_looks(found.layout)}{told}")
    return found


def checked_layout(layout: Any) -> list[str]:
    """Return the names of all layouts; raises ConfigError where `layout` is none of them, and not `auto`."""
    names = [known.name for known in LAYOUTS]
    if layout not in ("auto", *names):
        raise ConfigError(f"layout is {layout!r}{suggest(str(layout), [*names, 'auto'])}")
    return names


def _unknown(root: Path) -> DataError:
    expected = "; ".join(known.looks_like for known in LAYOUTS)
    what = "no known layout" if any(root.iterdir()) else "the folder is empty"
    lists = ", ".join(path.name for path in lists_in(root))
    told = f"{lists} list cases, give one as data_root; or " if lists else ""
    return DataError(f"{root}: {what}; {told}expected one of: {expected}; or train and validation folders of these")


def list_cases(root: Path, layout: str = "auto") -> tuple[str, list[Case]]:
    """Return the name of the folder's layout and its cases, sorted by id, telling what was left out.

    Raises:
        ConfigError: there is no such layout.
        DataError: the folder cannot be recognised, holds no case, or one that cannot be used.
    """
    found = find_data(root, layout)
    for note in found.said:
        logger.warning("%s", printable(note))
    if found.faults:
        raise found.faults[0]
    return found.layout, found.cases


def _looks(layout: str) -> str:
    return next((known.looks_like for known in LAYOUTS if known.name == layout), "cases")
