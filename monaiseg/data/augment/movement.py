"""What a smooth movement is made of: the steps by which a place in the result finds its place in the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DEVIATIONS = 5
"""How far a random field is taken to reach; one in a thousand goes beyond somewhere, by a hair."""


@dataclass(frozen=True)
class AffineMap:
    """Takes a place, in pixels from the centre, to `matrix @ (place, 1)`; the matrix is `[D, D + 1]`."""

    matrix: Array

    @classmethod
    def of(cls, linear: Array, offset: Array | Sequence[float]) -> AffineMap:
        """Return the one of a matrix `[D, D]` and a shift `[D]`."""
        return cls(np.column_stack([linear, offset]))

    def after(self, first: AffineMap) -> AffineMap:
        """Return both in one, `first` first."""
        linear = self.matrix[:, :-1]
        return AffineMap.of(linear @ first.matrix[:, :-1], linear @ first.matrix[:, -1] + self.matrix[:, -1])

    @property
    def is_diagonal(self) -> bool:
        """Whether each coordinate depends on itself alone."""
        linear = self.matrix[:, :-1]
        return not (linear * (1 - np.eye(len(linear)))).any()

    def reach(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Return the box `[D]`, `[D]` around where a box goes."""
        linear, middle, half = self.matrix[:, :-1], (low + high) / 2, (high - low) / 2
        middle, half = linear @ middle + self.matrix[:, -1], np.abs(linear) @ half
        return middle - half, middle + half


@dataclass(frozen=True)
class Lines:
    """Moves places along each axis by a function of that coordinate alone, which keeps their order.

    Attributes:
        knots: of each axis, evenly spaced from edge to edge, in pixels from the centre.
        shifts: of each axis, by how much its knots are moved: linear in between, 0 at the edges and beyond.
    """

    knots: tuple[Array, ...]
    shifts: tuple[Array, ...]

    def reach(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Return the box around where a box goes."""
        return self._moved(low), self._moved(high)

    def _moved(self, place: Array) -> Array:
        lines = zip(place, self.knots, self.shifts, strict=True)
        return np.array([where + np.interp(where, knots, shifts) for where, knots, shifts in lines])


@dataclass(frozen=True)
class Waves:
    """Adds a smooth random field, taken at the place in the result: noise on a coarse grid times bell curves.

    Attributes:
        noise: `[D, *grid]`, a value a displaced axis and grid point, in pixels.
        bells: `[size, grid]` an axis, rows of Euclidean norm 1, so that the field deviates as the noise does.
        deviations: of each displaced axis, in pixels.
    """

    noise: Array
    bells: tuple[Array, ...]
    deviations: Array

    def through(self, affine: AffineMap) -> Waves:
        """Return the field as it is once the places it was added to have gone through a matrix."""
        linear = affine.matrix[:, :-1]
        noise = np.tensordot(linear, self.noise, 1).astype(self.noise.dtype)
        return Waves(noise, self.bells, np.linalg.norm(linear * self.deviations, axis=1))

    def reach(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Return the box around where a box goes."""
        return low - DEVIATIONS * self.deviations, high + DEVIATIONS * self.deviations


@dataclass(frozen=True)
class CaseWarp:
    """All smooth movement of a case.

    Attributes:
        size: of the result.
        steps: what a place in the result goes through, in this order, to its place in the source; both are in pixels
            from the centre.
    """

    size: tuple[int, ...]
    steps: tuple[AffineMap | Lines | Waves, ...]

    def then(self, other: CaseWarp) -> CaseWarp:
        """Return both in one: the source is moved by this one first, so that places go through the other first."""
        return CaseWarp(self.size, tuple(_joined([*other.steps, *self.steps])))

    def reach(self) -> tuple[Array, Array]:
        """Return the box `[D]`, `[D]` that holds all places looked at, in pixels from the centre."""
        high = (np.array(self.size) - 1) / 2
        low = -high
        for step in self.steps:
            low, high = step.reach(low, high)
        return low, high

    def seen_from(self, centre: Array) -> CaseWarp:
        """Return the same with places in the source told from another centre `[D]`."""
        return CaseWarp(self.size, tuple(_joined([*self.steps, AffineMap.of(np.eye(len(self.size)), -centre)])))


def _joined(steps: list[AffineMap | Lines | Waves]) -> list[AffineMap | Lines | Waves]:
    """Join neighbouring matrices into one."""
    for place, (first, second) in enumerate(pairwise(steps)):
        if isinstance(first, AffineMap) and isinstance(second, AffineMap):
            return _joined([*steps[:place], second.after(first), *steps[place + 2 :]])
    return steps
