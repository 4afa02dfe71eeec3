"""Fluorescence images of cell nuclei, generated.

The truth is every nucleus in focus. Thresholds fail here for the reasons they fail on thick specimens: the light is
uneven, nuclei of one image differ in their stain, and haze and nuclei above and below the focal plane are as bright
as the sharp ones. What marks a nucleus is its crisp outline, its chromatin texture and its size, which a network sees
from a little context; neither one grey level nor a level that follows the local mean can express it.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monaiseg.data.generated._fields import Field, Pixels, check_size, smooth_field

_MARGIN = 32  # nuclei are drawn on a wider canvas and cut, so that some touch the border as in a real field of view
_RADII = (9.0, 14.0)
_PHOTONS = 900.0  # of a full pixel
_TINTS = np.array([[1.0, 1.0, 1.0], [0.35, 0.5, 1.0], [0.35, 1.0, 0.4], [1.0, 0.4, 0.35]])
_TINT_SHARES = (0.55, 0.2, 0.15, 0.1)


def _outline(rng: np.random.Generator, radius: float) -> Field:
    """Coverage in 0..1 of one wobbly ellipse, [P, P] with the nucleus in the centre."""
    half = int(radius * 1.6) + 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    turn, stretch = rng.uniform(0, np.pi), np.sqrt(rng.uniform(1.0, 1.6))
    u = (x * np.cos(turn) + y * np.sin(turn)) / stretch
    v = (y * np.cos(turn) - x * np.sin(turn)) * stretch
    theta, phase = np.arctan2(v, u), rng.uniform(0, 2 * np.pi, 2)
    edge = radius * (1 + 0.05 * np.cos(2 * theta + phase[0]) + 0.04 * np.cos(3 * theta + phase[1]))
    cover: Field = np.clip(edge - np.hypot(u, v) + 0.5, 0.0, 1.0)
    return cover


def _window(centre: Field, patch: Field) -> tuple[slice, slice]:
    top, left = (int(c) + _MARGIN - patch.shape[0] // 2 for c in centre)
    return slice(top, top + patch.shape[0]), slice(left, left + patch.shape[1])


def _draw_nuclei(rng: np.random.Generator, size: int) -> tuple[Field, Field, Pixels]:
    """Stain density, coverage and number of the nuclei in focus, each [size, size]; about half of them touch another.

    Where two lie on each other the pixel is the one's that covers more of it.
    """
    density = np.zeros((size + 2 * _MARGIN, size + 2 * _MARGIN))
    cover = np.zeros_like(density)
    owner = np.zeros(density.shape, np.uint8)
    inside = cover[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]  # a view: it follows what is drawn on the canvas
    target = rng.uniform(0.15, 0.25)
    placed: list[tuple[Field, float]] = []
    for _ in range(400):
        radius, centre = rng.uniform(*_RADII), rng.uniform(0, size, 2)
        if placed and rng.random() < 0.6:
            other, reach = placed[rng.integers(len(placed))]
            angle = rng.uniform(0, 2 * np.pi)
            centre = other + (reach + radius) * rng.uniform(0.85, 1.0) * np.array([np.sin(angle), np.cos(angle)])
        patch = _outline(rng, radius)
        if centre.min() < 0 or centre.max() >= size:
            continue
        at = _window(centre, patch)
        grown = (inside > 0.5).mean() + (patch > 0.5).sum() / size**2
        if (patch * cover[at]).sum() > 0.1 * patch.sum() or grown > 0.3:
            continue
        density[at] = density[at] * (1 - patch) + rng.uniform(0.65, 1.25) * patch
        placed.append((centre, radius))
        owner[at][patch > cover[at]] = len(placed)
        cover[at] = np.maximum(cover[at], patch)
        if (inside > 0.5).mean() >= target:
            break
    return density[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN], inside, owner[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


def _clutter(rng: np.random.Generator, size: int) -> Field:
    """What is not a nucleus in focus, in units of stain density, [size, size]: haze, blurred nuclei, debris."""
    ghosts, specks = np.zeros((2, size + 2 * _MARGIN, size + 2 * _MARGIN))
    for _ in range(int(rng.integers(4, 8) * (size / 128) ** 2)):
        patch = _outline(rng, rng.uniform(11, 17))
        ghosts[_window(rng.uniform(0, size, 2), patch)] += rng.uniform(0.9, 1.4) * patch
    ghosts = ndimage.gaussian_filter(ghosts, rng.uniform(5.5, 7.5))
    spots = rng.integers(0, size, (2, int(rng.integers(3, 10) * (size / 128) ** 2))) + _MARGIN
    specks[spots[0], spots[1]] = rng.uniform(2.0, 6.0, spots.shape[1])
    specks = ndimage.gaussian_filter(specks, 0.8)
    clutter: Field = (ghosts + specks)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return clutter + 0.4 * smooth_field(rng, size, 5)


def generate_nuclei(seed: int, size: int = 128) -> tuple[Pixels, Pixels]:
    """One image uint8 [size, size, 3] and its mask uint8 [size, size] of 0 and 255, from nothing but the arguments."""
    image, owner = generate_numbered_nuclei(seed, size)
    return image, np.where(owner > 0, 255, 0).astype(np.uint8)


def generate_numbered_nuclei(seed: int, size: int = 128) -> tuple[Pixels, Pixels]:
    """The same image, and uint8 [size, size] with a number from 1 for each nucleus, 0 where there is none."""
    check_size(size)
    rng = np.random.default_rng(seed)
    density, cover, owner = _draw_nuclei(rng, size)
    chromatin = ndimage.gaussian_filter(rng.standard_normal((size, size)), 1.3)
    density = density * np.clip(1 + 0.25 * chromatin / chromatin.std(), 0.0, None)
    clutter = _clutter(rng, size)
    light = np.exp(-rng.uniform(0.5, 1.0) * smooth_field(rng, size, 3))
    stain = ndimage.gaussian_filter(density, 0.6) + clutter * (1 - 0.7 * cover)
    photons = rng.poisson(_PHOTONS * light * (0.05 + 0.42 * stain)) / _PHOTONS
    grey = np.clip(photons, 0.0, 1.0)[..., None]  # the camera is monochrome: the colour is put on after the noise
    image = (255 * grey * _TINTS[rng.choice(len(_TINTS), p=_TINT_SHARES)]).astype(np.uint8)
    return image, np.where(cover > 0.5, owner, 0).astype(np.uint8)
