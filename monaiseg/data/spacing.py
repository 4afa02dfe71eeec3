"""Millimetres a voxel: what headers say, what a set has in common, and the size that a volume gets by it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from monaiseg.data.cases import Case, images_of
from monaiseg.data.volumes import is_volume, volume_geometry
from monaiseg.errors import DataError

ALIKE = 0.01
"""Spacings that differ by no more than this share are one: headers round, and half a voxel over 50 is not seen."""


def image_spacing(case: Case, axes: int) -> tuple[float, ...]:
    """Return the millimetres from voxel to voxel along each axis, from the header of the first file; of pictures 1.

    Raises:
        DataError: the header tells no place at all, or the file cannot be read.
    """
    file = images_of(case)[0]
    if not is_volume(file):
        return (1.0,) * axes
    geometry = volume_geometry(file)
    spacing = geometry.spacing[:axes]
    if not all(0 < length < float("inf") for length in spacing):
        raise DataError(f"{file}: its spacing is {geometry.spacing_text} mm; mend its header", "spacing")
    return spacing


def common_spacing(cases: Sequence[Case], axes: int) -> tuple[float, ...] | None:
    """Return the median spacing of volumes along each axis; None for pictures, and where there are no cases."""
    if not cases or not all(is_volume(images_of(case)[0]) for case in cases):
        return None
    spacings = [image_spacing(case, axes) for case in cases]
    return tuple(float(median(lengths)) for lengths in zip(*spacings, strict=True))


def respaced_size(size: Sequence[int], own: Sequence[float], spacing: Sequence[float]) -> tuple[int, ...]:
    """Return the size that a volume of this size and its own spacing has at another spacing, 1 voxel at least."""
    return tuple(
        side if _alike(before, after) else max(1, round(side * before / after))
        for side, before, after in zip(size, own, spacing, strict=True)
    )


def relative_spacing(spacing: Sequence[float]) -> tuple[float, ...]:
    """Return a spacing in units of its smallest length: 1 for an axis that is alike to that, else more."""
    least = min(spacing)
    return tuple(1.0 if _alike(length, least) else length / least for length in spacing)


def _alike(one: float, other: float) -> bool:
    return abs(one / other - 1) <= ALIKE
