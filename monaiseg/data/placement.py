"""Whether a label lies where its image lies, by the headers of the two volumes."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from monaiseg.data.cases import Case, images_of, label_files
from monaiseg.data.volumes import Geometry, is_volume, volume_geometry
from monaiseg.errors import DataError

STRETCH = 1e-3
"""Spacings that differ by less than this share are equal: half a voxel over 500."""

ANGLE = 0.01
"""Axes that differ by less point the same way, in radians: headers round."""

SHIFT = 0.5
"""Origins that differ by less are equal, in voxels."""


class Misplaced(NamedTuple):
    """How two volumes of one case differ in place: `severity` and `kind` as in a fault, and what is to be told."""

    severity: Literal["error", "warning"]
    kind: Literal["spacing", "orientation", "origin"]
    message: str


def misplaced(image: Geometry, other: Geometry) -> Misplaced | None:
    """Return how a label, or another channel, lies otherwise than its image; None where it does not."""
    for geometry, whose in ((other, "its"), (image, "its image's")):
        if not geometry.sound:
            return Misplaced("error", "spacing", f"{whose} spacing is {geometry.spacing_text} mm; mend the header")
    if image.orientation != other.orientation:
        told = f"points to {other.orientation}, its image to {image.orientation}; write both in one orientation"
        return Misplaced("error", "orientation", told)
    if not np.allclose(image.spacing, other.spacing, rtol=STRETCH):
        told = f"its spacing is {other.spacing_text}, its image's {image.spacing_text} mm; mend its header"
        return Misplaced("error", "spacing", told)
    turned = _angle(image, other)
    if turned > ANGLE:
        told = f"is turned by {np.degrees(turned):.3g} degrees against its image by its header; write both alike"
        return Misplaced("error", "orientation", told)
    apart = np.abs((other.affine[:3, 3] - image.affine[:3, 3]) @ _directions(image)) / image.spacing
    if apart.max() > SHIFT:
        told = f"lies {apart.max():.3g} voxels from its image by its header; mend the header"
        return Misplaced("warning", "origin", told)
    return None


def check_place(case: Case) -> None:
    """Raise DataError if a label of a case is turned, mirrored or stretched against its image by its header.

    Pictures have no place; a label that is merely shifted by its header is left to `monaiseg data check`.
    """
    first, *others = images_of(case)
    volumes = [file for file in (*others, *label_files(case)) if is_volume(file)]
    if not volumes or not is_volume(first):
        return
    image = volume_geometry(first)
    for file in volumes:
        found = misplaced(image, volume_geometry(file))
        if found is not None and found.severity == "error":
            raise DataError(f"{file}: {found.message}", "spacing" if found.kind == "spacing" else "orientation")


def _directions(geometry: Geometry) -> npt.NDArray[np.float64]:
    """Return the directions of the axes, [3, 3], a column an axis of length 1."""
    return np.asarray(geometry.affine[:3, :3] / np.array(geometry.spacing))


def _angle(image: Geometry, other: Geometry) -> float:
    """Return by how much the axes that differ most differ, in radians."""
    cosines = (_directions(image) * _directions(other)).sum(axis=0)
    return float(np.arccos(np.clip(cosines.min(), -1, 1)))
