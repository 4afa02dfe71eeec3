"""What a network learns beside its classes to tell touching objects apart: label channels made of their ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import Transform
from scipy import ndimage
from skimage.segmentation import relabel_sequential

from monaiseg.data.spacing import relative_spacing
from monaiseg.instances.plan import InstancePlan

Ids = npt.NDArray[np.integer[Any]]
Levels = npt.NDArray[np.uint8]

FULL = 255
"""The level that is learnt as a probability of 1."""

WIDTH = 2
"""Pixels on each side of where two objects touch that are at the border; of voxels, of their shortest side."""


class ChannelTargets(Transform):
    """Append the channels of a plan to `label`, of which `instances` is used up.

    `label` becomes uint8 [K + E, *S]: the K classes as they are, 0 and 1, then for each channel that the plan has one a
    class, as levels from 0 to 255; `classes` is K. Do it at the size that is trained at, whose pixels both are in, and
    whose millimetres a voxel `spacing` [axes] has.
    """

    def __init__(self, plan: InstancePlan) -> None:
        self.channels = plan.channels

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the item without `instances` [K, *S], whose channels are in the label."""
        rest = {key: value for key, value in item.items() if key != "instances"}
        if not self.channels:
            return rest
        levels = [
            TARGETS[name](ids, item["spacing"].tolist())
            for name in self.channels
            for ids in np.asarray(item["instances"])
        ]
        label = torch.as_tensor(item["label"])
        return rest | {"label": torch.cat([label, torch.from_numpy(np.stack(levels))]), "classes": len(label)}


def border_levels(ids: Ids, spacing: Sequence[float] | None = None) -> Levels:
    """Return 255 within `WIDTH` pixels of two objects, in them and in the gap between them, else 0; [*S].

    Along axes of a longer `spacing` it is so many fewer voxels, one at least.

    The winners of the Data Science Bowl 2018 learnt such a channel. Unlike the contour of every object it leaves small
    ones that touch nothing whole, so that it also works where an object is a few pixels wide.
    """
    window = [2 * max(1, round(WIDTH / length)) + 1 for length in relative_spacing(spacing or (1,) * ids.ndim)]
    beyond = ids.max(initial=0) + 1
    highest = ndimage.maximum_filter(ids, window)
    lowest = ndimage.minimum_filter(np.where(ids > 0, ids, beyond), window)
    return np.where((lowest < highest) & (lowest < beyond), FULL, 0).astype(np.uint8)


def distance_levels(ids: Ids, spacing: Sequence[float] | None = None) -> Levels:
    """Return how far a pixel is from the edge of its object, 255 where that is farthest in it, 0 outside; [*S].

    The border of the image is no edge: there an object goes on. Voxels of a `spacing` are no cubes.
    """
    sampling = relative_spacing(spacing or (1,) * ids.ndim)
    levels = np.zeros(ids.shape, np.uint8)
    numbered, *_ = relabel_sequential(ids)  # boxes are listed up to the largest id, however few there are
    for number, box in enumerate(ndimage.find_objects(numbered), 1):
        around = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in box)
        own = numbered[around] == number
        distance = ndimage.distance_transform_edt(own, sampling) if not own.all() else np.ones(own.shape)
        levels[around][own] = np.rint(FULL * distance[own] / distance.max())
    return levels


TARGETS: dict[str, Callable[[Ids, Sequence[float] | None], Levels]] = {
    "border": border_levels,
    "distance": distance_levels,
}
