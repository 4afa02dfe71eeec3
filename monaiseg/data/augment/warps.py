"""Operations that move pixels smoothly. Those that a case drew are composed, so that it is resampled only once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from monaiseg.data.augment.movement import AffineMap, CaseWarp, Lines, Waves
from monaiseg.data.augment.operation import WARP, Operation, Span, draw_between, number, span, switch, whole

Array = npt.NDArray[Any]

LEAST = 2.0
"""Voxels over which a random field is smoothed at least; below, it would tear neighbours apart."""


@dataclass(frozen=True)
class ShiftScaleRotate(Operation):
    """Shifts by a part of the size, scales, and rotates in each plane (a volume: in all three, one after the other)."""

    name: ClassVar[str] = "shift_scale_rotate"
    kind: ClassVar[str] = WARP

    shift: Annotated[Span, span(-1, 1)] = (-0.0625, 0.0625)
    scale: Annotated[Span, span(0.1, 10)] = (0.9, 1.1)
    rotate: Annotated[Span, span(-180, 180)] = (-45, 45)

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> CaseWarp:
        """Return the warp for an image of this size; a scale above 1 magnifies."""
        axes = range(len(size))
        factor = draw_between(rng, self.scale)
        matrix = np.eye(len(size)) / factor
        for one, other in combinations(axes, 2):
            matrix = matrix @ _rotation(len(size), one, other, math.radians(draw_between(rng, self.rotate)))
        shifts = [-draw_between(rng, self.shift) * size[axis] for axis in axes]
        return CaseWarp(tuple(size), (AffineMap.of(matrix, matrix @ shifts),))


@dataclass(frozen=True)
class CropAndResize(Operation):
    """Cuts a part of `margin` off each axis, at its two ends evenly or at random, and enlarges the rest."""

    name: ClassVar[str] = "crop_resize"
    kind: ClassVar[str] = WARP

    margin: Annotated[Span, span(0, 0.9)] = (0.0, 0.11)
    centre: Annotated[bool, switch] = False

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> CaseWarp:
        """Return the warp for an image of this size."""
        margin = draw_between(rng, self.margin)
        place = [0.0 if self.centre else float(rng.uniform(-0.5, 0.5)) for _ in size]
        shift = [margin * where * length for where, length in zip(place, size, strict=True)]
        return CaseWarp(tuple(size), (AffineMap.of(np.eye(len(size)) * (1 - margin), shift),))


@dataclass(frozen=True)
class GridWarp(Operation):
    """Divides each axis into `steps` cells and stretches or shrinks each by up to `limit`."""

    name: ClassVar[str] = "grid_distortion"
    kind: ClassVar[str] = WARP

    steps: Annotated[int, whole(2)] = 5
    limit: Annotated[float, number(0, 0.95)] = 0.3

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> CaseWarp:
        """Return the warp for an image of this size."""
        knots = tuple(np.linspace(-length / 2, length / 2, self.steps + 1) for length in size)
        return CaseWarp(tuple(size), (Lines(knots, tuple(self._shifts(rng, line) for line in knots)),))

    def _shifts(self, rng: np.random.Generator, knots: Array) -> Array:
        widths = 1 + rng.uniform(-self.limit, self.limit, self.steps)
        ends = np.concatenate([[0.0], np.cumsum(widths) / widths.sum()])
        return np.asarray(knots[0] + ends * (knots[-1] - knots[0]) - knots)


@dataclass(frozen=True)
class ElasticWarp(Operation):
    """Displaces pixels by a smooth random field; along each axis both parameters are parts of its length.

    `magnitude` is the field's standard deviation, `smoothness` that of the Gaussian that smooths it, `LEAST` voxels at
    least: a flat crop is bent in its plane, and little across it. At 256 pixels, 0.0127 and 0.0234 are alpha 120 and
    sigma 6 of Simard's formula, as albumentations has it.
    """

    name: ClassVar[str] = "elastic"
    kind: ClassVar[str] = WARP

    magnitude: Annotated[Span, span(0, 0.2)] = (0.004, 0.012)
    smoothness: Annotated[Span, span(0.01, 1)] = (0.04, 0.06)

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> CaseWarp:
        """Return the warp for an image of this size."""
        deviations = draw_between(rng, self.magnitude) * np.array(size)
        smoothness = draw_between(rng, self.smoothness)
        bells = tuple(_bells(length, max(LEAST, smoothness * length)) for length in size)
        noise = rng.standard_normal((len(size), *(bell.shape[1] for bell in bells)), dtype=np.float32)
        noise *= deviations.astype(np.float32).reshape(-1, *[1] * len(size))
        return CaseWarp(tuple(size), (Waves(noise, bells, deviations),))


def _rotation(dims: int, one: int, other: int, angle: float) -> Array:
    matrix = np.eye(dims)
    matrix[one, one] = matrix[other, other] = math.cos(angle)
    matrix[one, other], matrix[other, one] = -math.sin(angle), math.sin(angle)
    return matrix


def _bells(length: int, width: float) -> Array:
    """Return bell curves around grid points one `width` apart, three widths past each end: `[length, grid]`."""
    points = np.arange(math.ceil(length / width) + 7) - 3
    distances = np.arange(length)[:, None] / width - points
    bells = np.exp(-0.5 * distances**2) * (np.abs(distances) < 5)  # the rest would be denormal, and slow
    return np.asarray(bells / np.linalg.norm(bells, axis=1, keepdims=True), dtype=np.float32)
