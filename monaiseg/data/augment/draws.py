"""What can happen to a case, and what was drawn for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from monaiseg.data.augment.intensity import Linear
from monaiseg.data.augment.movement import CaseWarp
from monaiseg.data.augment.operation import Operation
from monaiseg.data.augment.views import Pose


@dataclass(frozen=True)
class Choice:
    """Does one of some operations, all equally likely, with probability `p`, and nothing otherwise."""

    p: float
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Step:
    """A change of intensities: a `Linear`, or a pixel operation with what was drawn for it.

    Attributes:
        place: steps are done in this order; those of equal place and operation in one call.
        operation: the pixel operation, or None for a `Linear`.
        drawn: the `Linear`, or what the operation drew.
    """

    place: int
    operation: Operation | None
    drawn: Any


@dataclass(frozen=True)
class CaseDraw:
    """What was drawn for one case, in the order in which it is done.

    Attributes:
        pose: flips, quarter turns and crops, as one indexing; of more than the result where a warp looks beyond it.
        warp: all smooth movement, as one resampling of what the pose gives; None where there is none.
        steps: changes of intensities; neighbouring linear ones are one.
        names: the operations that were drawn.
    """

    pose: Pose
    warp: CaseWarp | None
    steps: tuple[Step, ...]
    names: tuple[str, ...]

    @property
    def size(self) -> tuple[int, ...]:
        """The size of the result."""
        return self.pose.shape if self.warp is None else self.warp.size

    @property
    def rest(self) -> CaseDraw:
        """The same without its pose, for images that were posed before, as bytes."""
        return replace(self, pose=Pose.whole(self.pose.shape))

    @property
    def linear(self) -> Linear | None:
        """The one linear change where that is all that happens to intensities, so that it can join normalisation."""
        only = self.steps[0] if len(self.steps) == 1 else None
        return only.drawn if only is not None and only.operation is None else None


def with_surroundings(pose: Pose, warp: CaseWarp, whole: Sequence[int]) -> tuple[Pose, CaseWarp]:
    """Return a pose that also gives what the warp looks at around the result, as far as the source `whole` goes."""
    low, high = warp.reach()
    half = (np.array(warp.size) - 1) / 2
    before, after = (np.ceil(ends - half - 1e-6).clip(0).astype(int).tolist() for ends in (-low, high))
    grown, centre = pose.grown(before, after, whole)
    return grown, warp if grown == pose else warp.seen_from(centre)


def joined(steps: Sequence[Step], end: int) -> Iterator[Step]:
    """Join neighbouring linear steps, and put each just before the pixel operation that follows it."""
    pending: Linear | None = None
    for step in steps:
        if step.operation is None:
            pending = step.drawn if pending is None else pending.then(step.drawn)
            continue
        if pending is not None:
            yield Step(step.place - 1, None, pending)
        pending = None
        yield step
    if pending is not None:
        yield Step(end, None, pending)
