"""How far the surfaces of two masks lie apart: the 95th percentile of the distances, and the share within a tolerance.

The surface is the pixels of a mask that have a neighbour outside it, across a side or in 3D a face; beyond the image
all is outside. Each counts alike, as in MONAI; DeepMind's surface-distance weighs them by length or area.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from monaiseg.errors import ConfigError

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class SurfaceScores(NamedTuple):
    """What the surfaces of two masks give.

    Attributes:
        hd95: the larger of the 95th percentiles of the distances from each surface to the other, in the spacing's unit.
        nsd: normalised surface Dice, the share of both surfaces that lies within the tolerance of the other, 0..1.
    """

    hd95: float
    nsd: float


def surface_scores(
    prediction: Bools, truth: Bools, tolerance: float, spacing: Sequence[float] | None = None
) -> SurfaceScores:
    """Return HD95 and NSD of two boolean masks `[*S]`, in 2D or 3D, from one search.

    Both empty: 0 and 1. One empty: the length of the image's diagonal, beyond which no distance lies, and 0.

    Args:
        prediction: of one class.
        truth: of the same.
        tolerance: distance up to which a surface counts as met, in the spacing's unit.
        spacing: size of a voxel along each axis, in mm; None: pixels.

    Raises:
        ConfigError: the masks are not boolean and equal in size, or the tolerance or spacing cannot be used.
    """
    sides = _checked(prediction, truth, tolerance, spacing)
    found, there = bool(prediction.any()), bool(truth.any())
    if not (found and there):
        return SurfaceScores(0.0, 1.0) if found == there else SurfaceScores(math.hypot(*(truth.shape * sides)), 0.0)
    box = _box(prediction | truth)
    edges, true_edges = _edges(prediction[box]), _edges(truth[box])
    distances = _distances(edges, true_edges, sides), _distances(true_edges, edges, sides)
    within = sum(int((np.float32(far) <= np.float32(tolerance)).sum()) for far in distances)
    return SurfaceScores(
        hd95=max(float(np.percentile(far, 95)) for far in distances),
        nsd=within / sum(len(far) for far in distances),
    )


def _checked(prediction: Bools, truth: Bools, tolerance: float, spacing: Sequence[float] | None) -> Floats:
    """Return the spacing as an array."""
    if prediction.shape != truth.shape:
        raise ConfigError(f"prediction is {prediction.shape} and truth {truth.shape}; they must be equal")
    if prediction.dtype != bool or truth.dtype != bool:
        raise ConfigError(f"prediction is {prediction.dtype} and truth {truth.dtype}; both must be boolean")
    if not 0 <= tolerance < math.inf:
        raise ConfigError(f"the tolerance is {tolerance}; it must be at least 0, and finite")
    sides = np.ones(truth.ndim) if spacing is None else np.array(spacing, np.float64)
    if sides.shape != (truth.ndim,) or not (sides > 0).all() or not np.isfinite(sides).all():
        raise ConfigError(f"the spacing is {spacing}; it must be {truth.ndim} numbers above 0, one for each axis")
    return sides


def _box(mask: Bools) -> tuple[slice, ...]:
    """Return where a mask that is not empty lies."""
    box = []
    for axis in range(mask.ndim):
        found = np.flatnonzero(mask.any(tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(int(found[0]), int(found[-1]) + 1))
    return tuple(box)


def _edges(mask: Bools) -> Bools:
    """Return the surface: what an erosion by a cross takes away."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        kept, whole = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        kept[1:] &= whole[:-1]
        kept[:-1] &= whole[1:]
        kept[[0, -1]] = False
    return mask & ~inner


def _distances(edges: Bools, others: Bools, spacing: Floats) -> Floats:
    """Return the distance of each point of one surface to the nearest of the other."""
    found = np.zeros(np.count_nonzero(edges))
    apart = ~others[edges]
    if apart.any():
        tree = KDTree(np.argwhere(others) * spacing, leafsize=32, compact_nodes=False, balanced_tree=False)
        found[apart] = tree.query(np.argwhere(edges & ~others) * spacing)[0]
    return found
