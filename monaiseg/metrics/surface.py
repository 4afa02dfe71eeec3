"""How far the surfaces of two masks lie apart: the 95th percentile of the distances, and the share within a tolerance.

The surface is the pixels of a mask that have a neighbour outside it, across a side or in 3D a face; beyond the image
all is outside. Each counts alike, as in MONAI; DeepMind's surface-distance weighs them by length or area.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from monaiseg.errors import ConfigError
from monaiseg.metrics.truth import Truth, box_of, surface_points

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

REACH = 2
"""Pixels along each axis that are looked at before a tree is searched: surfaces mostly lie next to each other."""

AT_ONCE = 2**15
"""Points around which is looked at a time: those of a large volume times the steps around each would fill memory."""


class SurfaceScores(NamedTuple):
    """What the surfaces of two masks give.

    Attributes:
        hd95: the larger of the 95th percentiles of the distances from each surface to the other, in the spacing's unit;
            NaN where it was not asked for.
        nsd: normalised surface Dice, the share of both surfaces that lies within the tolerance of the other, 0..1.
    """

    hd95: float
    nsd: float


def surface_scores(
    prediction: Bools,
    truth: Bools | Truth,
    tolerance: float,
    spacing: Sequence[float] | None = None,
    *,
    with_hd95: bool = True,
) -> SurfaceScores:
    """Return HD95 and NSD of two boolean masks `[*S]`, in 2D or 3D, from one search.

    Both empty: 0 and 1. One empty: the length of the image's diagonal, beyond which no distance lies, and 0.

    Args:
        prediction: of one class.
        truth: of the same.
        tolerance: distance up to which a surface counts as met, in the spacing's unit.
        spacing: size of a voxel along each axis, in mm; None: pixels.
        with_hd95: False for NSD alone, which needs no distance beyond the tolerance.

    Raises:
        ConfigError: the masks are not boolean and equal in size, or the tolerance or spacing cannot be used.
    """
    truth = Truth.of(truth)
    sides = _checked(prediction, truth.mask, tolerance, spacing)
    points, true_points = surface_points(prediction, box_of(prediction)), truth.surface
    if not (len(points) and len(true_points)):
        alike = len(points) == len(true_points)
        return SurfaceScores(0.0 if alike else math.hypot(*np.multiply(truth.mask.shape, sides)), float(alike))
    # Half a millionth more, for a distance that differs from the tolerance by a rounding, as of a header's float32.
    met = tolerance * (1 + 5e-7)
    distances = _distances(points, true_points, sides, math.inf if with_hd95 else met)
    within = sum(np.count_nonzero(far <= met) for far in distances)
    return SurfaceScores(
        hd95=max(float(np.percentile(far, 95)) for far in distances) if with_hd95 else math.nan,
        nsd=within / sum(map(len, distances)),
    )


def _checked(prediction: Bools, truth: Bools, tolerance: float, spacing: Sequence[float] | None) -> tuple[float, ...]:
    """Return the spacing, 1 where none is given."""
    if prediction.shape != truth.shape:
        raise ConfigError(f"prediction is {prediction.shape} and truth {truth.shape}; they must be equal")
    if prediction.dtype != bool or truth.dtype != bool:
        raise ConfigError(f"prediction is {prediction.dtype} and truth {truth.dtype}; both must be boolean")
    if not 0 <= tolerance < math.inf:
        raise ConfigError(f"the tolerance is {tolerance}; it must be at least 0, and finite")
    sides = (1.0,) * truth.ndim if spacing is None else tuple(map(float, spacing))
    if len(sides) != truth.ndim or not all(0 < side < math.inf for side in sides):
        raise ConfigError(f"the spacing is {spacing}; it must be {truth.ndim} numbers above 0, one for each axis")
    return sides


def _distances(one: Ints, other: Ints, spacing: tuple[float, ...], furthest: float) -> tuple[Floats, Floats]:
    """Return how far each point of two surfaces is from the nearest of the other; beyond `furthest` it may be inf."""
    found = _looked_up(one, other, spacing, furthest)
    distances = found[: len(one)], found[len(one) :]
    if furthest > _steps(spacing)[1][-1]:
        for far, points, others in zip(distances, (one, other), (other, one), strict=True):
            rest = np.flatnonzero(np.isinf(far))
            if rest.size:
                tree = KDTree(others * spacing, leafsize=32, compact_nodes=False, balanced_tree=False)
                far[rest] = tree.query(points[rest] * spacing, distance_upper_bound=furthest)[0]
    return distances


def _looked_up(one: Ints, other: Ints, spacing: tuple[float, ...], furthest: float) -> Floats:
    """Return the distances of both surfaces' points to what is found of the other around them; inf where nothing is."""
    points = np.concatenate([one, other])
    points -= points.min(0) - REACH
    grid = np.zeros(points.max(0) + REACH + 1, np.uint8)
    flat, places = grid.reshape(-1), points @ grid.strides
    flat[places[: len(one)]] = 1
    flat[places[len(one) :]] += 2
    sought = np.repeat(np.array([2, 1], np.uint8), [len(one), len(other)])
    steps, lengths = _steps(spacing)
    jumps = steps[: np.searchsorted(lengths, furthest, side="right")] @ grid.strides
    found = np.empty(len(points))
    for first in range(0, len(points), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        met = flat[places[part, None] + jumps] & sought[part, None]
        nearest = met.argmax(1)
        found[part] = np.where(met[np.arange(len(met)), nearest], lengths[nearest], math.inf)
    return found


@lru_cache(maxsize=64)
def _steps(spacing: tuple[float, ...]) -> tuple[Ints, Floats]:
    """Return the steps `[M, axes]` from a pixel to those around it, the shortest first, and how long they are.

    They are all up to `REACH` along each axis but those that are longer than some step beyond.
    """
    steps = np.array(list(product(range(-REACH, REACH + 1), repeat=len(spacing))))
    lengths = np.array([math.hypot(*step) for step in steps * spacing])
    order = lengths.argsort(kind="stable")
    order = order[lengths[order] < (REACH + 1) * min(spacing)]
    return steps[order], lengths[order]
