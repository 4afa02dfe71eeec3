"""Discs and balls that touch, and what a network that knows them would tell of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from monaiseg.instances.targets import TARGETS

Ids = npt.NDArray[np.int32]


def balls(shape: tuple[int, ...], *places: tuple[tuple[float, ...], float]) -> Ids:
    """Balls of these centres and radii, numbered from 1; where two lie on each other a pixel is the nearer one's."""
    grid = np.indices(shape)
    depth = [1 - np.hypot.reduce(grid - np.reshape(at, (-1, *[1] * len(shape))), 0) / r for at, r in places]
    return np.where(np.max(depth, 0) > 0, np.argmax(depth, 0) + 1, 0).astype(np.int32)


SLICES = (5.0, 1.0, 1.0)
"""The spacing of `thick_slices`."""


def thick_slices() -> Ids:
    """Two balls that touch, in slices of 5 mm; taken as cubes their voxels have no neck between them."""
    return balls((32, 32, 64), ((16, 16, 20), 11), ((16, 16, 38), 11))[2::5]


def told(ids: Ids, blur: float = 0.7) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Probabilities [1, *S], and the channels border and distance [2, *S], as blurred as a network's."""
    levels = [255 * (ids > 0), *(make(ids) for make in TARGETS.values())]
    maps = np.stack([ndimage.gaussian_filter(level / 255, blur) for level in levels]).astype(np.float32)
    return maps[:1], maps[1:]


def same_objects(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> bool:
    """Whether two maps have the same objects, whatever their ids are."""
    pairs = {(int(a), int(b)) for a, b in zip(one.ravel(), other.ravel(), strict=True)}
    return len(pairs) == len(np.unique(one)) == len(np.unique(other))
