"""From what a network tells of each pixel to objects, in 2D and 3D: by scipy's components and skimage's watershed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.labels import joined
from monaiseg.data.spacing import relative_spacing
from monaiseg.errors import ConfigError
from monaiseg.instances.plan import InstancePlan, Thresholds
from monaiseg.metrics.decision import undisputed

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int32]
Maps = Mapping[str, Array]
"""The further channels of a class by name, probabilities `[*S]` each."""
Spacing = Sequence[float] | None
"""Millimetres a voxel along each axis; None: they are cubes, or pixels."""


def decode(probabilities: Any, channels: Any, plan: InstancePlan, spacing: Spacing = None) -> Ids:
    """Return an id for each object of each class, int32 `[K, *S]`, numbered from 1 without a gap; 0 is background.

    Args:
        probabilities: of the classes, `[K, *S]`, an array or a tensor on the CPU.
        channels: of what the plan learns, `[E, *S]`: for each of its channels one a class; None where there are none.
        plan: the decoder and its thresholds.
        spacing: millimetres a voxel along each axis; None: they are cubes, or pixels.

    Raises:
        ConfigError: the plan tells no objects apart, or `channels` are not those of the plan.
    """
    if not plan.wanted:
        raise ConfigError("instances is none; there is no decoder to tell objects apart")
    classes = np.asarray(probabilities, np.float32)
    maps = maps_of(classes, channels, plan)
    rough = DECODERS[plan.decoder]
    found = [rough(one, own, plan.thresholds, spacing) for one, own in zip(classes, maps, strict=True)]
    return np.stack([finished(ids, plan.thresholds.min_size) for ids in found])


class ObjectDecoder:
    """`decode` by one plan, as `monaiseg.metrics.CaseScores` takes it.

    Attributes:
        wanted: whether objects are told apart at all.

    Args:
        plan: how.
        classes: what the K channels are; where they exclude each other a pixel is of an object of one class only.
    """

    def __init__(self, plan: InstancePlan, classes: Classes = FOREGROUND) -> None:
        self.plan, self.wanted, self.classes = plan, plan.wanted, classes

    def record(self) -> dict[str, Any]:
        """Return the decoder and its thresholds, and on what they were tuned, for `scores.json`."""
        own = {key: value for key, value in self.plan.record().items() if key != "channels"}
        return own | {"tuned": self.plan.tuned and asdict(self.plan.tuned), "told": self.plan.told()}

    def __call__(self, probabilities: Any, channels: Any, spacing: Spacing = None) -> Ids:
        """Return the ids `[K, *S]` of a case's objects; raises as `decode` does."""
        return decode(undisputed(torch.as_tensor(probabilities)[None], self.classes)[0], channels, self.plan, spacing)


def maps_of(classes: Array, channels: Any, plan: InstancePlan) -> list[dict[str, Array]]:
    """Return the further channels of each class by name; raises as `decode` does."""
    count = len(classes)
    further = np.empty((0, *classes.shape[1:])) if channels is None else np.asarray(channels, np.float32)
    if further.shape != (count * len(plan.channels), *classes.shape[1:]):
        told = f"{count * len(plan.channels)} channels ({', '.join(plan.channels) or 'none'})"
        raise ConfigError(f"channels are {further.shape}; with classes {classes.shape} there must be {told}")
    return [{name: further[count * n + k] for n, name in enumerate(plan.channels)} for k in range(count)]


def components(probability: Array, _: Maps, thresholds: Thresholds, __: Spacing = None) -> Ids:
    """Return what is connected, by sides and corners; objects that touch are one."""
    return joined(probability > thresholds.foreground)


def by_watershed(probability: Array, _: Maps, thresholds: Thresholds, spacing: Spacing = None) -> Ids:
    """Return objects that are parted at their necks: the watershed of how far a pixel is from the background.

    An object starts at each peak whose height falls by the share `depth` on the way to a higher one, so that the same
    necks part small objects and large ones.
    """
    mask = probability > thresholds.foreground
    sampling = relative_spacing(spacing or (1,) * mask.ndim)
    height = ndimage.distance_transform_edt(mask, sampling) if not mask.all() else np.ones(mask.shape)
    return flooded(-height, peaks(height, height * (1 - thresholds.depth), joined(mask)), mask)


def by_border(probability: Array, maps: Maps, thresholds: Thresholds, _: Spacing = None) -> Ids:
    """Return objects that start where no border is, and meet where it is most probable."""
    mask = probability > thresholds.foreground
    border = maps["border"]
    return flooded(border, joined(mask & (border < thresholds.border)), mask)


def by_distance(probability: Array, maps: Maps, thresholds: Thresholds, _: Spacing = None) -> Ids:
    """Return objects that start at the peaks of the predicted distance, and meet in its valleys.

    A fixed threshold would do for clean maps; where they are noisy it starts many objects in one.
    """
    mask = probability > thresholds.foreground
    height = np.where(mask, maps["distance"], 0)
    return flooded(-height, peaks(height, np.maximum(height - thresholds.depth, 0), joined(mask)), mask)


DECODERS: dict[str, Callable[[Array, Maps, Thresholds, Spacing], Ids]] = {
    "components": components,
    "watershed": by_watershed,
    "border": by_border,
    "distance": by_distance,
}


def peaks(height: Array, seed: Array, parts: Ids) -> Ids:
    """Return the peaks of `height` that stand out by more than it exceeds `seed`, numbered (h-maxima).

    They are sought in the box of each part, whose height is above 0 in it: most of a picture is background.
    """
    cut = np.zeros(height.shape)
    for number, box in enumerate(ndimage.find_objects(parts), 1):
        own = parts[box] == number
        cut[box] += reconstruction(np.where(own, seed[box], 0), np.where(own, height[box], 0))
    return joined(local_maxima(cut) & (cut > 0))


def flooded(height: Array, starts: Ids, mask: Array) -> Ids:
    """Return the mask parted among its numbered starts, each flooding from low to high; a part without one is one."""
    parts = joined(mask)
    started = np.zeros(parts.max(initial=0) + 1, bool)
    started[parts[starts > 0]] = True
    rest = mask & ~started[parts]
    starts = np.where(rest, parts + starts.max(initial=0), starts)
    return np.asarray(watershed(height, starts, connectivity=mask.ndim, mask=mask), np.int32)


def finished(ids: Ids, min_size: int) -> Ids:
    """Return the objects of at least `min_size` pixels, numbered from 1 without a gap, holes in them filled."""
    kept = np.bincount(ids.reshape(-1)) >= max(1, min_size)
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return filled(numbers[ids])


def filled(ids: Ids) -> Ids:
    """Return the ids with each hole, background that one object alone encloses, as part of that object."""
    holes, count = ndimage.label(ids == 0)
    inner = np.ones(count + 1, bool)
    inner[0] = False
    for axis in range(ids.ndim):
        for end in (0, -1):
            inner[holes.take(end, axis)] = False
    if not inner.any():
        return ids
    pairs = [_neighbours(holes, ids, axis, inner) for axis in range(ids.ndim)]
    hole, owner = np.unique(np.concatenate(pairs, axis=1), axis=1)
    names, first, times = np.unique(hole, return_index=True, return_counts=True)
    table = np.zeros(count + 1, np.int32)
    table[names[times == 1]] = owner[first[times == 1]]
    return np.where(ids > 0, ids, table[holes])


def _neighbours(holes: Array, ids: Ids, axis: int, inner: Array) -> Array:
    """Return [2, N]: a hole and the object beside it along an axis."""
    low, high = (
        [slice(None)] * axis + [part] + [slice(None)] * (ids.ndim - axis - 1)
        for part in (slice(None, -1), slice(1, None))
    )
    found = []
    for one, other in ((low, high), (high, low)):
        hole, owner = holes[tuple(one)], ids[tuple(other)]
        at = inner[hole] & (owner > 0)
        found.append(np.stack([hole[at], owner[at]]))
    return np.concatenate(found, axis=1)
