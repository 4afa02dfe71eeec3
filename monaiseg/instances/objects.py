"""What is told of each object: where it lies, how large it is, how sure the network is, what it is shaped like."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy.typing as npt
from skimage.measure import regionprops_table

Array = npt.NDArray[Any]

_MEASURED = ("label", "area", "centroid", "bbox", "intensity_mean")
_SHAPE = ("eccentricity", "solidity")


def object_columns(spatial_dims: int) -> list[str]:
    """Return what `object_rows` tells of each object.

    `id`; `area` in pixels, of volumes `voxels` and `mm3`; the centroid and the box, from `start` to before `stop`,
    along each axis in pixels or voxels from 0; the mean `probability`; in 2D `eccentricity` and `solidity`, 0 to 1.
    """
    axes = range(spatial_dims)
    size = ["area"] if spatial_dims == 2 else ["voxels", "mm3"]
    places = [f"{name}_{axis}" for name in ("centroid", "start", "stop") for axis in axes]
    return ["id", *size, *places, "probability", *(_SHAPE if spatial_dims == 2 else ())]


def object_rows(ids: Array, probability: Array, spacing: Sequence[float] = (1, 1, 1)) -> Iterator[list[str]]:
    """Give the row of each object of a map `[*S]`, by id, as text.

    Args:
        ids: 0 is background.
        probability: of the class, `[*S]`.
        spacing: millimetres from voxel to voxel.
    """
    flat = ids.ndim == 2
    found = regionprops_table(ids, probability, properties=(*_MEASURED, *(_SHAPE if flat else ())))
    sizes = [found["area"]] if flat else [found["area"], found["area"] * math.prod(spacing)]
    places = [found[f"centroid-{axis}"] for axis in range(ids.ndim)]
    places += [found[f"bbox-{side}"] for side in range(2 * ids.ndim)]
    shape = [found[name] for name in _SHAPE] if flat else []
    for values in zip(found["label"], *sizes, *places, found["intensity_mean"], *shape, strict=True):
        yield [f"{value:.10g}" for value in values]
