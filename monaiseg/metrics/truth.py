"""A truth and what follows from it alone, found once for all predictions that are held to it."""

from __future__ import annotations

from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

ENDS = np.s_[:1, -1:, 1:, :-1]


class Quarter(NamedTuple):
    """One of the four parts of an image around the centre of its truth: `where` it is, its pixels and true pixels."""

    where: tuple[slice, slice]
    pixels: int
    true: int


class Truth:
    """A boolean mask `[*S]`; `quarters`, `nearest` and `importance` are for pictures, and none where it is empty."""

    def __init__(self, mask: Bools) -> None:
        self.mask = mask

    @classmethod
    def of(cls, truth: Bools | Truth) -> Truth:
        """Return the truth of a mask, or one that is known already."""
        return truth if isinstance(truth, cls) else cls(np.asarray(truth))

    @cached_property
    def size(self) -> int:
        """Its true pixels."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def surface(self) -> Ints:
        """Its surface, `[N, axes]`."""
        return surface_points(self.mask, self.box)

    @cached_property
    def box(self) -> tuple[slice, ...]:
        """Where it lies."""
        return box_of(self.mask)

    @cached_property
    def quarters(self) -> list[Quarter]:
        """The parts that the S-measure compares (Fan et al. 2017, section 3.2)."""
        row, column = (
            round(float(self.mask.sum(1 - axis) @ np.arange(length) / self.size)) + 1
            for axis, length in enumerate(self.mask.shape)
        )
        parts = product(np.s_[:row, row:], np.s_[:column, column:])
        return [Quarter(part, self.mask[part].size, int(np.count_nonzero(self.mask[part]))) for part in parts]

    @cached_property
    def nearest(self) -> Ints:
        """Of each pixel the true one that is nearest, by its place in the flat array, `[H, W]`."""
        rows, columns = self._nearest_at
        return np.asarray(rows.astype(np.intp) * self.mask.shape[1] + columns)

    @cached_property
    def importance(self) -> Floats:
        """The weight of each pixel's error, `[H, W]`: 1 on the truth, to 2 far from it (Margolin et al. 2014, 4.2)."""
        rows, columns = self._nearest_at
        down = rows - np.arange(len(rows), dtype=np.float64)[:, None]
        across = columns - np.arange(columns.shape[1], dtype=np.float64)
        return np.asarray(2 - np.exp2(np.sqrt(down * down + across * across) / -5))

    @cached_property
    def _nearest_at(self) -> npt.NDArray[np.int32]:
        return distance_transform_edt(~self.mask, return_distances=False, return_indices=True)  # type: ignore[no-any-return]


def box_of(mask: Bools) -> tuple[slice, ...]:
    """Return where a boolean mask `[*S]` lies; of an empty one slices of no length."""
    ends = [
        np.flatnonzero(mask.any(tuple(other for other in range(mask.ndim) if other != axis)))
        for axis in range(mask.ndim)
    ]
    return tuple(slice(int(end[0]), int(end[-1]) + 1) if end.size else slice(0, 0) for end in ends)


def surface_points(mask: Bools, box: tuple[slice, ...]) -> Ints:
    """Return where the surface of a boolean mask `[*S]` is, `[N, axes]`: what an erosion by a cross takes away."""
    inside = mask[box]
    inner = inside.copy()
    for axis in range(mask.ndim):
        first, last, but_first, but_last = ((..., part, *[slice(None)] * axis) for part in ENDS)
        inner[but_first] &= inside[but_last]
        inner[but_last] &= inside[but_first]
        inner[first] = inner[last] = False
    # Several times as fast as `argwhere`, which looks at each pixel along each axis.
    points = np.unravel_index(np.flatnonzero(inside & ~inner), inside.shape)
    return np.stack([along + part.start for along, part in zip(points, box, strict=True)]).T
