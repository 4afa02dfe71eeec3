"""Finds out what the classes of a data set are from the values of its label files, where nothing names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from monaiseg.data.cases import Case
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.labels import label_values
from monaiseg.data.looks import read_each
from monaiseg.data.masks import read_mask, shown
from monaiseg.errors import DataError

SEEN = 20
"""So many label files, evenly chosen, are looked at first."""

MOST = 64
"""More values than that are no classes, and a larger one is none where it is alone."""

Values = frozenset[int]
"""The values but 0 of a label file."""


def find_classes(cases: Sequence[Case], spatial_dims: int) -> Classes:
    """Return what the label files of cases tell of their classes.

    Several files a case are a class each. Of one file a case, some are looked at: where most are masks of 0 and 255, or
    all hold one and the same value, there is one class; whole numbers from 0 to K without a gap make K classes, called
    by their values.

    Raises:
        DataError: a file cannot be read, or its values can be meant in several ways.
    """
    return classes_by_file(cases) or classes_told(seen_values(cases, spatial_dims))


def classes_by_file(cases: Sequence[Case]) -> Classes | None:
    """Return the classes where label files are masks because there are several a case; None where values may tell."""
    if len(cases[0]["label"]) > 1:
        return Classes("masks", tuple(f"class{number}" for number in range(len(cases[0]["label"]))))
    return None if all(isinstance(case["label"][0], str) for case in cases) else FOREGROUND


def seen_values(cases: Sequence[Case], spatial_dims: int, readable_only: bool = False) -> dict[str, Values]:
    """Return the values but 0 of label files; 255 alone of a mask, whatever greys its edges have.

    Some files, evenly chosen, are looked at, and all where these hold one value: a second class may be in a few only.

    Args:
        cases: with one label file each.
        readable_only: leave files out that cannot be read.

    Raises:
        DataError: a file cannot be read, or holds values that are not whole.
    """
    values = _values_of(spread(cases), spatial_dims, readable_only)
    if len(cases) > SEEN and len(values_held(values)) < 2 and not _are_masks(values):
        return _values_of(cases, spatial_dims, readable_only)
    return values


def spread(cases: Sequence[Case]) -> Sequence[Case]:
    """Return at most `SEEN` of the cases, evenly chosen."""
    return [cases[len(cases) * number // SEEN] for number in range(SEEN)] if len(cases) > SEEN else cases


def _values_of(cases: Sequence[Case], spatial_dims: int, readable_only: bool) -> dict[str, Values]:
    def read(case: Case) -> Values | None:
        try:
            return _values(str(case["label"][0]), spatial_dims)
        except DataError:
            if readable_only:
                return None
            raise

    found = read_each("reading labels", read, cases)
    return {str(case["label"][0]): held for case, held in zip(cases, found, strict=True) if held is not None}


def _values(path: str, spatial_dims: int) -> Values:
    try:
        _, had_edges = read_mask(path, spatial_dims)
    except DataError:
        had_edges = False
    return frozenset({255} if had_edges else set(np.unique(label_values(path, spatial_dims)).tolist()) - {0})


def classes_told(values: Mapping[str, Values]) -> Classes:
    """Return the classes that the values of label files tell; raises DataError where these may be meant otherwise."""
    keyed = {path: held for path, held in values.items() if not _is_mask(held) and len(held) <= MOST}
    every = values_held(values)
    if _are_masks(values) or len(every) < 2:
        return FOREGROUND  # what then is no mask is told when it is read
    if every != list(range(1, len(every) + 1)):
        raise DataError(_gaps(keyed, every), "gaps")
    return Classes("values", tuple(map(str, every)), tuple((value,) for value in every))


def values_held(values: Mapping[str, Values]) -> list[int]:
    """Return the values that may be classes, sorted."""
    return sorted({value for held in values.values() if not _is_mask(held) and len(held) <= MOST for value in held})


def _are_masks(values: Mapping[str, Values]) -> bool:
    """Tell whether more files are masks of 0 and 255 than hold several values."""
    several = sum(1 < len(held) <= MOST for held in values.values())
    masks = sum(map(_is_mask, values.values()))
    return masks > 0 and masks >= several


def _is_mask(held: Values) -> bool:
    return len(held) == 1 and max(held) > MOST


def _gaps(keyed: Mapping[str, Values], every: Sequence[int]) -> str:
    """Return the message of values that may be classes, with the file that holds the rarest of them."""
    counts = Counter(value for held in keyed.values() for value in held)
    rarest = min(every, key=lambda value: (counts[value], -value))
    file = next(path for path, held in keyed.items() if rarest in held)
    table = ", ".join(f"'name{n}': {value}" for n, value in enumerate(value for value in every if value > 0))
    return (
        f"{file}: holds {rarest}, and the labels {shown(np.array(every))}, which may be classes; mend it, or name the "
        f'classes with --classes "{{{table}}}", or set --classes instances if each object has a value of its own'
    )
