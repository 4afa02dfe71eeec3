"""Which objects of two label maps share how many pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from monaiseg.errors import ConfigError

DENSE = 2**22
"""Counts are held in a table of up to so many entries; beyond, values are sorted, which is slower."""

Labels = npt.NDArray[np.integer[Any]]
Counts = npt.NDArray[np.int64]


class Overlaps(NamedTuple):
    """Pairs of objects that share pixels: [P] each, by position; and the size of every object."""

    predicted: npt.NDArray[Any]
    truth: npt.NDArray[Any]
    shared: Counts
    predicted_sizes: Counts
    truth_sizes: Counts


def overlaps_of(predicted: Labels, truth: Labels) -> Overlaps:
    """Return what the objects of two label maps `[*S]` share; raise ConfigError if they are none of one size."""
    if predicted.shape != truth.shape:
        raise ConfigError(f"predicted is {predicted.shape} and truth {truth.shape}; they must be equal")
    rows, predicted_sizes = _numbered(predicted, "predicted")
    columns, truth_sizes = _numbered(truth, "truth")
    both = (rows > 0) & (columns > 0)
    width = len(truth_sizes)
    codes, shared = _tally((rows[both] - 1) * width + columns[both] - 1, len(predicted_sizes) * width)
    first, second = np.divmod(codes, max(1, width))
    return Overlaps(first, second, shared, predicted_sizes, truth_sizes)


def _numbered(labels: Labels, whose: str) -> tuple[Counts, Counts]:
    """Return the map flat, its ids replaced by 1, 2, ... in their order and the background by 0; and their sizes."""
    if not np.issubdtype(labels.dtype, np.integer) or (labels.size and labels.min() < 0):
        raise ConfigError(f"{whose} must hold whole numbers from 0, an id an object, not {labels.dtype} or negatives")
    flat = labels.reshape(-1)
    top = int(flat.max(initial=0)) + 1
    ids, sizes = _tally(flat, top)
    numbers = np.arange(len(ids)) + (0 if len(ids) and ids[0] == 0 else 1)
    if top <= DENSE:
        table = np.zeros(top, np.int64)
        table[ids] = numbers
        return table[flat], sizes[numbers > 0]
    return numbers[np.searchsorted(ids, flat)], sizes[numbers > 0]


def _tally(values: npt.NDArray[Any], top: int) -> tuple[npt.NDArray[Any], Counts]:
    """Return which values below `top` there are, in order, and how often each."""
    if top > DENSE:
        return np.unique(values, return_counts=True)
    counts = np.bincount(values.astype(np.intp, copy=False), minlength=top)
    found = np.flatnonzero(counts)
    return found, counts[found]
