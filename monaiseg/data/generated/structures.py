"""Magnetic resonance of a bent structure in the brain, generated: its head and its tail are two classes that meet.

The structure is grey matter, as the folded bark around it and the nuclei beside it are, one of which touches its head;
thin white matter lies on it in some places and fluid in others. Head and tail have one intensity, and differ in their
width and in where they lie: the head is the thick end, and the tail leaves it where the body has narrowed half way. As
with real scanners the scale of intensities is each case's own, over four orders of magnitude, and the coil is nearer to
one side. A network sees the course of the body from its surroundings; no grey level tells it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from monaiseg.data.generated._fields import Field

SIZE = (32, 40, 32)
CLASSES = ("head", "tail")

_FLUID, _GREY, _WHITE = 0.12, 0.5, 0.85
_STEPS = 50  # points of the course, so close that a voxel's nearest one tells where along it the voxel lies


class _Body(NamedTuple):
    """How far inside its surface each voxel of a body lies, and where along its course, 0 at the thick end."""

    depth: Field
    along: Field


def _grain(rng: np.random.Generator, size: tuple[int, ...], width: float) -> Field:
    """Return noise of one width, in voxels, with mean 0 and deviation 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal(size), width)
    field: Field = (noise - noise.mean()) / noise.std()
    return field


def _places(size: tuple[int, ...]) -> Field:
    """Return the places of all voxels from the middle of the volume, `[3, *size]`."""
    steps = (np.arange(side) - (side - 1) / 2 for side in size)
    return np.stack(np.meshgrid(*steps, indexing="ij"))


def _away(places: Field, point: Field, stretch: Field | float = 1.0) -> Field:
    """Return how far each voxel is from a point, with axes stretched."""
    z, y, x = (places - point.reshape(3, 1, 1, 1)) * np.broadcast_to(stretch, 3).reshape(3, 1, 1, 1)
    return np.asarray(np.sqrt(z * z + y * y + x * x))


def _turn(rng: np.random.Generator, most: float) -> Field:
    """Return a rotation `[3, 3]` by up to so many degrees about each axis."""
    turned = np.eye(3)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        angle, plane = np.radians(rng.uniform(-most, most)), np.eye(3)
        plane[one, one] = plane[other, other] = np.cos(angle)
        plane[one, other], plane[other, one] = -np.sin(angle), np.sin(angle)
        turned = turned @ plane
    return turned


def _course(rng: np.random.Generator) -> tuple[Field, Field, float]:
    """Return points `[steps, 3]` from head to tail, the radius at each in voxels, and where the tail begins, 0 to 1."""
    t = np.linspace(0, 1, _STEPS)
    length, bend, hook = rng.uniform(24, 28), rng.uniform(3, 6), rng.uniform(-2, 2)
    points = np.stack([hook * np.sin(np.pi * t), length * (0.5 - t), bend * (1 - 4 * (t - 0.5) ** 2)], axis=1)
    begins = rng.uniform(0.3, 0.38)
    head, tail = rng.uniform(4.6, 5.6), rng.uniform(3.0, 3.7)
    radius = tail + (head - tail) / (1 + np.exp((t - begins) / 0.04))
    return points @ _turn(rng, 20).T + rng.uniform(-2, 2, 3), radius * np.sqrt(1 - 0.5 * t**6), begins


def _draw_body(points: Field, radius: Field, places: Field) -> _Body:
    away = np.full(places.shape[1:], np.inf)
    along = np.zeros_like(away)
    for step, (point, reach) in enumerate(zip(points, radius, strict=True)):
        here = _away(places, point) - reach
        along = np.where(here < away, step / (_STEPS - 1), along)
        away = np.minimum(here, away)
    return _Body(-away, along)


def _draw_tissue(rng: np.random.Generator, size: tuple[int, ...]) -> Field:
    """Return what lies around: white matter, and bark that is folded about furrows of fluid."""
    folds = _grain(rng, size, rng.uniform(2.2, 3.0))
    return _mixed(_mixed(np.full(size, _WHITE), _GREY, 6 * (-0.35 - folds)), _FLUID, 6 * (-1.15 - folds))


def _mixed(image: Field, level: float, depth: Field) -> Field:
    """Return the image with a tissue in it: all of it from half a voxel of depth, none from half a voxel outside."""
    share = np.clip(depth + 0.5, 0, 1)
    return np.asarray(image * (1 - share) + level * share)


def _draw_neighbours(rng: np.random.Generator, image: Field, points: Field, radius: Field, places: Field) -> Field:
    """Return the image with nuclei of the same grey: one on the tip of the head, others anywhere beside the body."""
    for number in range(rng.integers(3, 6)):
        reach = rng.uniform(2.5, 5)
        at = 0 if number == 0 else rng.integers(_STEPS)
        way = rng.standard_normal(3) + (6 * (points[0] - points[8]) / 3 if number == 0 else 0)
        apart = radius[at] + reach + (rng.uniform(-1, 0) if number == 0 else rng.uniform(0, 4))
        centre = points[at] + way / np.linalg.norm(way) * apart
        stretch = np.exp(rng.uniform(-0.25, 0.25, 3))
        image = _mixed(image, _GREY, reach - _away(places, centre, stretch))
    return image


def generate_structure(seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
    """One volume `[about 32, 40, 32]`, float32 or int16, and its label uint8: 1 head, 2 tail; from the seed alone."""
    rng = np.random.default_rng(seed)
    size = tuple(int(side + rng.integers(-3, 4)) for side in SIZE)
    places = _places(size)
    points, radius, begins = _course(rng)
    body = _draw_body(points, radius, places)
    image = _draw_neighbours(rng, _draw_tissue(rng, size), points, radius, places)
    coat = _grain(rng, size, 3.0)  # where it is high white matter lies on the body, where it is low fluid does
    image = _mixed(image, _WHITE, np.minimum(body.depth + 1.6, 4 * (coat - 0.2)))
    image = _mixed(image, _FLUID, np.minimum(body.depth + 1.6, 4 * (-0.9 - coat)))
    image = _mixed(image, _GREY, body.depth)
    image = image * (1 + 0.05 * _grain(rng, size, 1.0))
    image = ndimage.gaussian_filter(image, rng.uniform(0.4, 0.7)) * np.exp(0.12 * _grain(rng, size, 12.0))
    image = np.abs(image + rng.uniform(0.02, 0.05) * rng.standard_normal(size))
    scale = 10 ** rng.uniform(2, 6)
    label = np.where(body.depth > 0, np.where(body.along < begins, 1, 2), 0).astype(np.uint8)
    whole_numbers = scale < 15000 and rng.random() < 0.5
    return (image * scale).astype(np.int16 if whole_numbers else np.float32), label
