"""From a folder to its cases and their classes, all of them whole, telling what was left out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monaiseg.data.cases import Case, images_of
from monaiseg.data.class_values import find_classes
from monaiseg.data.classes import Classes, classes_of
from monaiseg.data.layouts import FoundData, find_data
from monaiseg.data.readable import ERROR, unreadable_cases
from monaiseg.data.reading import image_shape
from monaiseg.errors import DataError, printable

logger = logging.getLogger("monaiseg")

ClassTable = str | Mapping[str, Any]
"""`"auto"`, `"instances"`, or a table as `classes_of` takes it."""


def find_whole(
    root: Path, layout: str = "auto", classes: ClassTable = "auto", unreadable: str = ERROR
) -> tuple[FoundData, Classes]:
    """Return what is in a folder, or in a file that lists cases, and what its classes are.

    Args:
        root: the folder or file.
        layout: a layout's name, or `"auto"`.
        classes: a table, or `"auto"`.
        unreadable: of files that cannot be decoded; see `unreadable_cases`.

    Raises:
        ConfigError: `layout`, `classes` or `unreadable` cannot be used.
        DataError: the folder or a case in it cannot be used.
    """
    found = find_data(root, layout)
    for note in found.said:
        logger.warning("%s", printable(note))
    if found.faults:
        more = f" (and {len(found.faults) - 1} more; monaiseg data check {root} lists them)"
        raise DataError(f"{found.faults[0]}{more if len(found.faults) > 1 else ''}")
    found.left_out |= unreadable_cases(found.cases, unreadable)
    if len(found.left_out) == len(found.cases):
        raise DataError(f"{root}: has no case whose files can be read; restore them")
    if classes != "auto":
        return found, classes_of(classes, "classes")
    return found, found.classes or _told_by_labels(found)


def _told_by_labels(found: FoundData) -> Classes:
    cases = [case for case in found.cases if images_of(case)[0] not in found.left_out]
    return find_classes(cases, len(image_shape(cases[0])[1]))


def every_case(found: FoundData) -> list[Case]:
    """Return all cases, sorted by id; of a folder that comes split ids start with the part, because they may repeat."""
    if list(found.parts) == ["all"]:
        return found.cases
    named = ((part, case) for part, cases in found.parts.items() for case in cases)
    cases = [Case(**case | {"id": f"{part}_{case['id']}"}) for part, case in named]
    return sorted(cases, key=lambda case: case["id"])
