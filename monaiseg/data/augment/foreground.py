"""Where the classes of a case are: some voxels of each, for crops that are to show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import Transform
from monai.utils import convert_to_tensor

KEPT = 512
"""Voxels that are kept of a class, two kilobytes: more than a training draws of a case."""

ABSENT = -1


@dataclass(frozen=True)
class Foreground:
    """Voxels of a case's classes.

    Attributes:
        voxels: `[K, n]`, in the order of the array, `ABSENT` for a class that the case has not.
        size: of the case, an entry an axis.
    """

    voxels: npt.NDArray[np.int32]
    size: tuple[int, ...]

    @classmethod
    def of(cls, label: npt.NDArray[Any]) -> Foreground:
        """Return `KEPT` voxels of each class of a label `[K, *spatial]`, evenly drawn, always the same ones."""
        rng = np.random.default_rng(0)
        voxels = np.full((len(label), KEPT), ABSENT, np.int32)
        for own, channel in zip(voxels, label, strict=True):
            there = np.flatnonzero(channel)
            if there.size:
                own[:] = there[rng.integers(there.size, size=KEPT)]
        return cls(voxels, tuple(label.shape[1:]))

    def draw(self, rng: np.random.Generator) -> tuple[int, ...] | None:
        """Return a voxel of a class, all classes that are there equally likely; None where there is none."""
        present = np.flatnonzero(self.voxels[:, 0] != ABSENT)
        if not present.size:
            return None
        own = self.voxels[present[rng.integers(present.size)]]
        return tuple(int(place) for place in np.unravel_index(own[rng.integers(own.size)], self.size))


class KeepForeground(Transform):
    """Add `"foreground": [K, KEPT]`, the voxels of `Foreground`, to an item with a `label` `[K, *spatial]`.

    Where the item says how many `classes` there are, further channels of its label are none.
    """

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the item with them."""
        label = convert_to_tensor(item["label"], track_meta=False).numpy()[: item.get("classes")]
        return item | {"foreground": torch.from_numpy(Foreground.of(label).voxels)}
