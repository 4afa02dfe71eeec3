"""Operations that move pixels smoothly. Those that a case drew are composed, so that it is resampled only once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from monaiseg.data.augment.operation import WARP, Operation, Span, draw_between, number, span, switch, whole

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Waves:
    """A smooth random field: noise on a coarse grid times a bell curve along each axis.

    Attributes:
        noise: `[D, *grid]`, a value a displaced axis and grid point, scaled to pixels.
        bells: `[size, grid]` an axis, rows of Euclidean norm 1, so that the field deviates as the noise does.
    """

    noise: Array
    bells: tuple[Array, ...]


@dataclass(frozen=True)
class CaseWarp:
    """Where each pixel of the result looks in the source, in pixels from the centre: `matrix @ (p, 1)` + displacements.

    Attributes:
        matrix: `[D, D + 1]`.
        lines: a displacement along each axis that depends on the place along that axis alone, `[size]` an axis.
        waves: displacements that depend on the whole place.
    """

    matrix: Array
    lines: tuple[Array, ...]
    waves: tuple[Waves, ...] = ()

    @classmethod
    def nowhere(cls, size: Sequence[int]) -> CaseWarp:
        """Return the warp that leaves everything where it is."""
        return cls(np.eye(len(size), len(size) + 1), tuple(np.zeros(s) for s in size))

    def then(self, other: CaseWarp) -> CaseWarp:
        """Return both: the affine maps as if this one came first, the displacements added."""
        last = np.zeros((1, self.matrix.shape[1]))
        last[0, -1] = 1
        matrix = self.matrix @ np.concatenate([other.matrix, last])
        lines = tuple(a + b for a, b in zip(self.lines, other.lines, strict=True))
        return CaseWarp(matrix, lines, self.waves + other.waves)


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
        warp = CaseWarp.nowhere(size)
        axes = range(len(size))
        factor = draw_between(rng, self.scale)
        matrix = np.eye(len(size)) / factor
        for one, other in combinations(axes, 2):
            matrix = matrix @ _rotation(len(size), one, other, math.radians(draw_between(rng, self.rotate)))
        shifts = [-draw_between(rng, self.shift) * size[axis] for axis in axes]
        return CaseWarp(np.column_stack([matrix, matrix @ shifts]), warp.lines)


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
        return CaseWarp(np.column_stack([np.eye(len(size)) * (1 - margin), shift]), CaseWarp.nowhere(size).lines)


@dataclass(frozen=True)
class GridWarp(Operation):
    """Divides each axis into `steps` cells and stretches or shrinks each by up to `limit`."""

    name: ClassVar[str] = "grid_distortion"
    kind: ClassVar[str] = WARP

    steps: Annotated[int, whole(2)] = 5
    limit: Annotated[float, number(0, 0.95)] = 0.3

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> CaseWarp:
        """Return the warp for an image of this size."""
        return CaseWarp(np.eye(len(size), len(size) + 1), tuple(self._line(rng, length) for length in size))

    def _line(self, rng: np.random.Generator, length: int) -> Array:
        widths = 1 + rng.uniform(-self.limit, self.limit, self.steps)
        ends = np.concatenate([[0.0], np.cumsum(widths) / widths.sum()]) * length
        middles = np.arange(length) + 0.5
        return np.asarray(np.interp(middles, np.linspace(0, length, self.steps + 1), ends) - middles)


@dataclass(frozen=True)
class ElasticWarp(Operation):
    """Displaces pixels by a smooth random field; both parameters are parts of the shortest side.

    `magnitude` is the field's standard deviation, `smoothness` that of the Gaussian that smooths it. At 256 pixels,
    0.0127 and 0.0234 are alpha 120 and sigma 6 of Simard's formula, as albumentations has it.
    """

    name: ClassVar[str] = "elastic"
    kind: ClassVar[str] = WARP

    magnitude: Annotated[Span, span(0, 0.2)] = (0.004, 0.012)
    smoothness: Annotated[Span, span(0.01, 1)] = (0.04, 0.06)

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> CaseWarp:
        """Return the warp for an image of this size."""
        deviation = draw_between(rng, self.magnitude) * min(size)
        width = draw_between(rng, self.smoothness) * min(size)
        bells = tuple(_bells(length, width) for length in size)
        noise = rng.standard_normal((len(size), *(bell.shape[1] for bell in bells)), dtype=np.float32)
        still = CaseWarp.nowhere(size)
        return CaseWarp(still.matrix, still.lines, (Waves(noise * np.float32(deviation), bells),))


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
