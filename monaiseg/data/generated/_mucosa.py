"""The wall of the gut that a polyp sits on: its relief, its pigment, and what lies on it. Lengths are shares of half
the image's side.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monaiseg.data.generated._fields import Field, smooth_field


def grid(size: int) -> tuple[Field, Field]:
    """Return y and x of every pixel's centre in -1..1, each [size, size]."""
    steps = (np.arange(size) + 0.5) / size * 2 - 1
    y, x = np.meshgrid(steps, steps, indexing="ij")
    return y, x


def grain(rng: np.random.Generator, size: int, width: float) -> Field:
    """Return noise of one width, in shares of half the side, with standard deviation 1, [size, size]."""
    noise = ndimage.gaussian_filter(rng.standard_normal((size, size)), width * size / 2)
    field: Field = (noise - noise.mean()) / noise.std()
    return field


def draw_wall(rng: np.random.Generator, size: int) -> tuple[Field, Field]:
    """Return height and light, each [size, size], of a tube seen along its axis or from its side.

    Folds go around the lumen and the light falls off into it; swellings are as convex as a polyp, but have no edge.
    """
    y, x = grid(size)
    reach, turn = rng.uniform(0.1, 1.9), rng.uniform(0, 2 * np.pi)
    v, u = y - reach * np.sin(turn), x - reach * np.cos(turn)
    theta, phase = np.arctan2(v, u), rng.uniform(0, 2 * np.pi, 2)
    away = np.hypot(u, v) * (1 + 0.12 * np.cos(3 * theta + phase[0]) + 0.1 * np.cos(2 * theta + phase[1])) + 0.05
    # Folds follow each other at equal depths, so at equal steps of the logarithm as the camera sees them.
    course = np.log(away) / rng.uniform(0.3, 0.55) + rng.uniform() + 0.5 * smooth_field(rng, size, 4)
    rise = course % 1
    fold = np.minimum(rise / 0.8, (1 - rise) / 0.2) * np.clip(2 * smooth_field(rng, size, 4) - 0.5, 0, 1)
    height = rng.uniform(0.05, 0.12) * away * ndimage.gaussian_filter(fold, 0.012 * size)
    height += rng.uniform(0.2, 0.35) * away  # the wall runs away from the camera, towards the lumen
    for _ in range(rng.integers(0, 3)):
        cy, cx, width = *rng.uniform(-1, 1, 2), rng.uniform(0.12, 0.3)
        height += rng.uniform(0.3, 0.7) * width * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / width**2 / 2)
    depth = np.clip(away / rng.uniform(0.4, 0.9), 0, 1) ** rng.uniform(0.9, 1.6)
    beam = np.exp(-rng.uniform(0.2, 0.7) * (x**2 + y**2))
    light = (0.22 + 0.78 * depth) * beam * np.exp(rng.uniform(0.3, 0.9) * (smooth_field(rng, size, 3) - 0.5))
    return height, light


def draw_vessels(rng: np.random.Generator, size: int) -> Field:
    """Return how much blood shows through the mucosa, in 0..1, [size, size]: lines that branch and fade."""
    lines = np.zeros((size, size))
    for width in (0.11, 0.06):
        net = np.exp(-((grain(rng, size, width) / 0.13) ** 2))
        lines = np.maximum(lines, net * np.clip(1.8 * smooth_field(rng, size, 5) - 0.6, 0, 1))
    return lines


def draw_debris(rng: np.random.Generator, size: int) -> Field:
    """Return the cover of stool and mucus, in 0..1, [size, size]: ragged patches with no relief to speak of."""
    y, x = grid(size)
    ragged = grain(rng, size, 0.05)
    cover = np.zeros((size, size))
    for _ in range(rng.integers(0, 4)):
        cy, cx, radius = *rng.uniform(-1, 1, 2), rng.uniform(0.06, 0.25)
        near = 1 - np.hypot(y - cy, x - cx) / radius
        cover = np.maximum(cover, np.clip(3 * (near + 0.35 * ragged), 0, 1) * (near > -0.6))
    return cover
