"""Operations that only pick pixels: flips, quarter turns, the transpose and crops, composed into one indexing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from monaiseg.data.augment.foreground import Foreground
from monaiseg.data.augment.operation import VIEW, Operation, number, sizes, switch, two_axes, whole
from monaiseg.errors import ConfigError


@dataclass(frozen=True)
class Pose:
    """Where the pixels of a case come from: a box of the source, its axes in another order, some of them reversed.

    Attributes:
        start: the first pixel of the box, an entry a source axis.
        size: of the box, likewise.
        order: the source axis of each axis of the result.
        reverse: whether each axis of the result runs backwards.
    """

    start: tuple[int, ...]
    size: tuple[int, ...]
    order: tuple[int, ...]
    reverse: tuple[bool, ...]

    @classmethod
    def whole(cls, size: tuple[int, ...]) -> Pose:
        """Return the pose that leaves an image of this size as it is."""
        return cls((0,) * len(size), size, tuple(range(len(size))), (False,) * len(size))

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of the result."""
        return tuple(self.size[axis] for axis in self.order)

    def flipped(self, axis: int) -> Pose:
        """Return this pose with an axis of its result reversed."""
        reverse = tuple(is_reversed != (i == axis) for i, is_reversed in enumerate(self.reverse))
        return Pose(self.start, self.size, self.order, reverse)

    def swapped(self, one: int, other: int) -> Pose:
        """Return this pose with two axes of its result exchanged."""
        places = list(range(len(self.order)))
        places[one], places[other] = other, one
        return Pose(
            self.start,
            self.size,
            tuple(self.order[i] for i in places),
            tuple(self.reverse[i] for i in places),
        )

    def cropped(self, start: tuple[int, ...], size: tuple[int, ...]) -> Pose:
        """Return this pose with a box cut out of its result."""
        starts, sizes = list(self.start), list(self.size)
        for first, length, axis, is_reversed in zip(start, size, self.order, self.reverse, strict=True):
            starts[axis] += self.size[axis] - first - length if is_reversed else first
            sizes[axis] = length
        return Pose(tuple(starts), tuple(sizes), self.order, self.reverse)

    def place_of(self, pixel: Sequence[int]) -> tuple[int, ...]:
        """Return where a pixel of the source lies in the result; outside of it where the box does not hold it."""
        return tuple(
            self.start[axis] + self.size[axis] - 1 - pixel[axis] if is_reversed else pixel[axis] - self.start[axis]
            for axis, is_reversed in zip(self.order, self.reverse, strict=True)
        )

    def grown(
        self, before: Sequence[int], after: Sequence[int], whole: Sequence[int]
    ) -> tuple[Pose, npt.NDArray[np.float64]]:
        """Return this pose of a larger box, and where the new centre lies from the old one, in the result.

        The box gets so many pixels more at the two ends of each axis of the result, as far as the source goes.
        """
        starts, sizes, centre = list(self.start), list(self.size), np.zeros(len(self.order))
        for place, (axis, is_reversed) in enumerate(zip(self.order, self.reverse, strict=True)):
            ends = (after[place], before[place]) if is_reversed else (before[place], after[place])
            first = min(starts[axis], ends[0])
            last = min(whole[axis] - starts[axis] - sizes[axis], ends[1])
            starts[axis], sizes[axis] = starts[axis] - first, sizes[axis] + first + last
            centre[place] = (first - last if is_reversed else last - first) / 2
        return Pose(tuple(starts), tuple(sizes), self.order, self.reverse), centre

    def of(self, values: torch.Tensor) -> torch.Tensor:
        """Return `values` `[C, *spatial]` so posed: the same tensor where nothing moves, else a contiguous one.

        Any dtype will do: a cache of bytes is best posed before it becomes floats.
        """
        return values if self == Pose.whole(tuple(values.shape[1:])) else self.view_of(values).contiguous()

    def view_of(self, values: torch.Tensor) -> torch.Tensor:
        """Return the same as a view where nothing is reversed: for who copies it anyway."""
        for axis, (first, length) in enumerate(zip(self.start, self.size, strict=True)):
            if length < values.shape[axis + 1]:
                values = values.narrow(axis + 1, first, length)
        backwards = [self.order[i] + 1 for i, is_reversed in enumerate(self.reverse) if is_reversed]
        values = values.flip(backwards) if backwards else values
        in_order = self.order == tuple(range(len(self.order)))
        return values if in_order else values.permute(0, *(axis + 1 for axis in self.order))


@dataclass(frozen=True)
class AxisFlip(Operation):
    """Reverses one axis; written without `axis` it stands for one such operation an axis, each with its own `p`.

    Where one of several operations is done, it reverses any of the axes, all equally likely.
    """

    name: ClassVar[str] = "flip"
    kind: ClassVar[str] = VIEW

    axis: Annotated[int | None, whole()] = None

    def draw(self, rng: np.random.Generator, pose: Pose) -> Pose:
        """Return the pose, flipped."""
        self.check(pose.shape)
        return pose.flipped(int(rng.integers(len(pose.order))) if self.axis is None else self.axis)

    def check(self, size: Sequence[int | None]) -> None:
        """Refuse an axis that is not there."""
        if self.axis is not None and self.axis >= len(size):
            raise ConfigError(f"augment: flip has axis {self.axis}; axes go from 0 to {len(size) - 1}")


@dataclass(frozen=True)
class QuarterTurn(Operation):
    """Turns by 90, 180 or 270 degrees, by 180 only where the plane's sides differ; without `plane`, as AxisFlip."""

    name: ClassVar[str] = "rot90"
    kind: ClassVar[str] = VIEW

    plane: Annotated[tuple[int, int] | None, two_axes] = None

    def draw(self, rng: np.random.Generator, pose: Pose) -> Pose:
        """Return the pose, turned."""
        self.check(pose.shape)
        planes = [self.plane] if self.plane else list(combinations(range(len(pose.order)), 2))
        one, other = planes[int(rng.integers(len(planes)))]
        turns = int(rng.integers(1, 4))
        if turns == 2 or pose.shape[one] != pose.shape[other]:
            return pose.flipped(one).flipped(other)
        return pose.swapped(one, other).flipped(one if turns == 1 else other)

    def check(self, size: Sequence[int | None]) -> None:
        """Refuse a plane with an axis that is not there."""
        if self.plane and max(self.plane) >= len(size):
            raise ConfigError(f"augment: rot90 has plane {list(self.plane)}; axes go from 0 to {len(size) - 1}")


@dataclass(frozen=True)
class AxisSwap(Operation):
    """Exchanges rows and columns; a half turn where they differ in number."""

    name: ClassVar[str] = "transpose"
    kind: ClassVar[str] = VIEW
    spatial_dims: ClassVar[tuple[int, ...]] = (2,)

    def draw(self, rng: np.random.Generator, pose: Pose) -> Pose:
        """Return the pose, transposed."""
        square = pose.shape[0] == pose.shape[1]
        return pose.swapped(0, 1) if square else pose.flipped(0).flipped(1)


@dataclass(frozen=True)
class CropTo(Operation):
    """Cuts a box of `size` out, at random or from the centre. All cases of a batch end at that size.

    Of the random ones, the share `foreground` has a pixel of a class in its middle, or as near as the image allows;
    classes that the case has are equally likely.
    """

    name: ClassVar[str] = "crop"
    kind: ClassVar[str] = VIEW

    size: Annotated[tuple[int, ...], sizes] = ()
    centre: Annotated[bool, switch] = False
    foreground: Annotated[float, number(0, 1)] = 0.0

    def __post_init__(self) -> None:
        if not self.size:
            raise ConfigError("augment: crop needs a size, such as {name: crop, size: [256, 256]}")
        if self.centre and self.foreground:
            raise ConfigError("augment: crop has centre and foreground; leave one of them out")

    def draw(self, rng: np.random.Generator, pose: Pose, foreground: Foreground | None = None) -> Pose:
        """Return the pose, cropped; raises as `check` does."""
        self.check(pose.shape)
        room = [whole - size for whole, size in zip(pose.shape, self.size, strict=True)]
        # Nothing more is drawn where no crop asks for foreground, so that those runs stay what they were.
        asked = foreground if self.foreground and rng.random() < self.foreground else None
        about = None if asked is None else asked.draw(rng)
        if about is not None:
            firsts = (place - size // 2 for place, size in zip(pose.place_of(about), self.size, strict=True))
            start = tuple(min(max(first, 0), left) for first, left in zip(firsts, room, strict=True))
        else:
            start = tuple(left // 2 if self.centre else int(rng.integers(left + 1)) for left in room)
        return pose.cropped(start, self.size)

    def check(self, size: Sequence[int | None]) -> None:
        """Refuse a size that has not an entry an axis, or is larger than what it is cut out of."""
        if len(self.size) != len(size):
            raise ConfigError(f"augment: crop.size is {list(self.size)}; give {len(size)} entries, one an axis")
        if any(whole is not None and side > whole for side, whole in zip(self.size, size, strict=True)):
            raise ConfigError(
                f"augment: crop.size is {list(self.size)}, larger than what it is cut out of, {list(size)} (roi_size, "
                "or the image); give at most that"
            )
