"""The S-measure (Fan et al. 2017, alpha 0.5): half for the objects (eq. 5), half for four regions (eq. 7)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg.metrics.truth import Truth

EPS = float(np.spacing(1))

Bools = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]
"""A map of float64, or a mask, which is a map of zeros and ones and is counted instead."""


def structure(values: Values, truth: Truth) -> float:
    """Return the S-measure of a map or mask `[H, W]`, 0..1."""
    share = truth.size / truth.mask.size
    if share in (0.0, 1.0):
        return _mean(values) if share else 1 - _mean(values)
    inside, outside = _spread(values[truth.mask]), _spread(values[~truth.mask])
    objects = share * _object(*inside) + (1 - share) * _object(1 - outside[0], outside[1])
    regions = sum(
        part.pixels / truth.mask.size * _similarity(values[part.where], truth.mask[part.where], part.true)
        for part in truth.quarters
        if part.pixels
    )
    return max(0.0, 0.5 * objects + 0.5 * regions)


def _spread(values: Values) -> tuple[float, float]:
    """Return the mean of values and their deviation from it, of a sample."""
    mean = _mean(values)
    return mean, math.sqrt(_squares(values, mean) / max(1, values.size - 1))


def _mean(values: Values) -> float:
    return float((np.count_nonzero(values) if values.dtype == bool else values.sum()) / values.size)


def _squares(values: Values, mean: float) -> float:
    """Return the sum of the squares of what the values differ from their mean."""
    if values.dtype == bool:
        return values.size * mean * (1 - mean)
    apart = values - mean
    return dot(apart, apart)


def _object(mean: float, deviation: float) -> float:
    """Return the similarity of values to ones."""
    return 2 * mean / (mean**2 + 1 + deviation + EPS)


def _similarity(values: Values, truth: Bools, size: int) -> float:
    """Return the structural similarity of a part and its truth of `size` pixels (eq. 6)."""
    x, y, pixels = _mean(values), size / truth.size, truth.size
    if values.dtype == bool:
        both = float(np.count_nonzero(values & truth) * pixels - np.count_nonzero(values) * size) / pixels
    else:
        both = dot(values - x, truth - y)
    spread = (_squares(values, x) + size * (1 - y)) / (pixels - 1 + EPS)
    above, below = 4 * x * y * both / (pixels - 1 + EPS), (x**2 + y**2) * spread
    return above / (below + EPS) if above != 0 else float(below == 0)


def dot(one: Values, other: Values) -> float:
    """Return the sum of the products. BLAS would start threads, which wait for a processor that the network has."""
    return float(np.einsum("i,i->", one.reshape(-1), other.reshape(-1)))
