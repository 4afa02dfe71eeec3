"""By which classes the labels of a set are looked at, even where these leave them in doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from monaiseg.data.cases import Case
from monaiseg.data.checking._facts import Fault
from monaiseg.data.class_values import classes_by_file, classes_told, seen_values, spread, values_held
from monaiseg.data.classes import FOREGROUND, Classes, classes_of
from monaiseg.data.layouts import FoundData
from monaiseg.data.reading import image_shape
from monaiseg.errors import DataError


class Expected(NamedTuple):
    """What the cases of a set are held against.

    Attributes:
        classes: what the labels are read by.
        named: whether these are the classes of the set, or only stand in for them.
        channels: of the image of most cases; `dims`: the number of its dimensions.
    """

    classes: Classes
    named: bool
    channels: int
    dims: int


def expected(found: FoundData, classes: str | Mapping[str, Any], faults: list[Fault]) -> Expected:
    """Return what most cases are like; a fault is added where their labels leave the classes in doubt."""
    shapes = Counter(shape for case in spread(found.cases) if (shape := _shape(case)) is not None)
    channels, dims = shapes.most_common(1)[0][0] if shapes else (1, 2)
    if classes != "auto":
        return Expected(classes_of(classes, "classes"), True, channels, dims)
    known = found.classes or (classes_by_file(found.cases) if found.cases else FOREGROUND)
    if known is not None:
        return Expected(known, True, channels, dims)
    values = seen_values(found.cases, dims, readable_only=True)
    try:
        return Expected(classes_told(values), True, channels, dims)
    except DataError as error:
        faults.append(Fault.of(error))
        held = values_held(values)
        return Expected(
            Classes("values", tuple(map(str, held)), tuple((value,) for value in held)), False, channels, dims
        )


def _shape(case: Case) -> tuple[int, int] | None:
    try:
        channels, size = image_shape(case)
    except DataError:
        return None
    return channels, len(size)
