"""Colonoscopy of polyps, generated: what a camera with its lamp beside the lens sees of a wet, uneven wall.

The truth is every polyp with its stalk. A polyp has the pigment of the mucosa around it, give or take as much as one
mucosa differs from another, and the lamp makes the same pigment bright near the camera and dark in the lumen; folds and
swellings are as convex, glints as bright, stool as yellow and hollows as dark. What marks a polyp is a closed outline
where the surface rises steeply, with a crease of shadow at its foot, a surface of pits in place of vessels, and its
shape; a network sees that from its surroundings, and no grey level or colour tells it.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monaiseg.data.generated._fields import Field, Pixels, check_size
from monaiseg.data.generated._mucosa import draw_debris, draw_vessels, draw_wall, grain, grid

_SHARES = (0.05, 0.27)  # of the image, what its polyps cover
_PHOTONS = 1200.0  # of a full pixel
_MUCOSA = np.array([0.82, 0.40, 0.29])
_BLOOD = np.array([0.82, 0.55, 0.55])
_STOOL = np.array([0.75, 0.52, 0.16])


def _lobe(rng: np.random.Generator, y: Field, x: Field, centre: Field, radius: float) -> tuple[Field, Field]:
    """Height and distance, 1 at the foot, of one wobbly dome, each [size, size]."""
    v, u = y - centre[0], x - centre[1]
    turn, stretch = rng.uniform(0, np.pi), np.sqrt(rng.uniform(1.0, 1.5))
    u, v = (u * np.cos(turn) + v * np.sin(turn)) / stretch, (v * np.cos(turn) - u * np.sin(turn)) * stretch
    theta, phase = np.arctan2(v, u), rng.uniform(0, 2 * np.pi, 2)
    foot = radius * (1 + 0.06 * np.cos(2 * theta + phase[0]) + 0.05 * np.cos(3 * theta + phase[1]))
    away = np.hypot(u, v) / foot
    return radius * np.sqrt(np.clip(1 - away**2, 0, None)), away


def _stalk(y: Field, x: Field, centre: Field, radius: float, turn: float) -> tuple[Field, Field]:
    """Height and distance, 1 at the foot, of a stalk that leaves a head at `centre` and sinks into the wall."""
    v, u = y - centre[0], x - centre[1]
    along, across = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
    length, width = 2.1 * radius, 0.42 * radius
    bent = across - 0.25 * along**2 / length
    away = np.hypot(bent / width, np.clip(along - length, 0, None) / width) + 10 * (along < 0)
    return 1.1 * width * np.sqrt(np.clip(1 - away**2, 0, None)) * np.clip(1.3 - along / length, 0, 1), away


def _draw_polyp(rng: np.random.Generator, size: int, radius: float) -> tuple[Field, Field]:
    """Height and cover in 0..1 of one polyp, each [size, size]: a dome, a few grown together, or a head on a stalk."""
    y, x = grid(size)
    centre, tall = rng.uniform(-0.8, 0.8, 2), rng.uniform(0.7, 1.2)
    parts = [_lobe(rng, y, x, centre, radius)]
    form = rng.choice(["dome", "lobed", "stalked"], p=[0.45, 0.3, 0.25])
    if form == "stalked":
        parts.append(_stalk(y, x, centre, radius, rng.uniform(0, 2 * np.pi)))
    for _ in range(rng.integers(1, 4) if form == "lobed" else 0):
        turn = rng.uniform(0, 2 * np.pi)
        beside = centre + rng.uniform(0.5, 0.8) * radius * np.array([np.sin(turn), np.cos(turn)])
        parts.append(_lobe(rng, y, x, beside, radius * rng.uniform(0.55, 0.85)))
    height = np.max([part for part, _ in parts], axis=0)
    foot = np.min([away for _, away in parts], axis=0)
    cover: Field = np.clip((1 - foot) * radius * size / 2 + 0.5, 0, 1)
    return tall * height, cover


def _draw_polyps(rng: np.random.Generator, size: int, view: Field) -> tuple[Field, Field]:
    """Height and cover of all polyps of one image, each [size, size]; drawn again until their share is in bounds."""
    while True:
        count = rng.choice([1, 2, 3], p=[0.75, 0.18, 0.07])
        radii = np.sqrt(rng.uniform(0.2, 0.85, count) / np.pi / count**0.7)
        drawn = [_draw_polyp(rng, size, radius) for radius in radii]
        height, cover = np.max([h for h, _ in drawn], axis=0), np.max([c for _, c in drawn], axis=0) * view
        if _SHARES[0] <= (cover > 0.5).mean() <= _SHARES[1]:
            return height, cover


def _draw_view(rng: np.random.Generator, size: int) -> Field:
    """What the camera's round or eight-sided window lets through, 0..1, [size, size]; some cameras have none."""
    y, x = np.abs(grid(size))
    kind = rng.choice(["whole", "round", "eight-sided"], p=[0.25, 0.35, 0.4])
    if kind == "whole":
        return np.ones_like(x)
    edge = 0.74 * np.hypot(x, y) if kind == "round" else 0.62 * (x + y)
    return np.asarray(np.clip((1 - edge) * size / 2 + 0.5, 0, 1))


def _facing(surface: Field, towards: Field) -> Field:
    """Cosine between a surface's normal and the way to the lamp, 0 where it faces away, [size, size]."""
    down, right = np.gradient(surface, 2 / len(surface))
    normal = np.stack([-down, -right, np.ones_like(surface)])
    cosine = (normal * towards).sum(0) / np.linalg.norm(normal, axis=0)
    return np.asarray(np.clip(cosine, 0, None))


def _shade(rng: np.random.Generator, size: int, height: Field) -> tuple[Field, Field]:
    """Diffuse light and glints of a wet surface lit from beside the lens, each [size, size]."""
    y, x = grid(size)
    lamp = rng.uniform(-0.3, 0.3, 2)
    towards = np.stack([lamp[0] - 0.3 * y, lamp[1] - 0.3 * x, np.ones_like(x)])
    towards /= np.linalg.norm(towards, axis=0)
    around = ndimage.shift(ndimage.gaussian_filter(height, 0.025 * size), -lamp * 0.08 * size, order=1, mode="nearest")
    hollow = np.clip(around - height, 0, None)
    diffuse = (0.25 + 0.75 * _facing(height, towards)) * np.exp(-22 * hollow)
    film = height + 0.003 * grain(rng, size, 0.03)
    glints = np.clip((_facing(film, towards) - 0.992) / 0.005, 0, 1) * (grain(rng, size, 0.08) > 0.8)
    return diffuse, ndimage.gaussian_filter(glints, 0.004 * size)


def _draw_pigment(rng: np.random.Generator, size: int, cover: Field) -> Field:
    """Colour under white light, [size, size, 3]: mucosa with vessels, polyps with pits, and stool on both."""
    pits = np.clip(0.45 + 0.45 * grain(rng, size, 0.015), 0, 1)
    blood = 0.8 * draw_vessels(rng, size) * (1 - cover) + pits * cover
    mucosa = _MUCOSA * np.exp(rng.normal(0, [0.05, 0.1, 0.12]))
    polyp = np.exp(rng.normal([-0.04, 0.02, 0.02], 0.08))
    pigment = mucosa * polyp ** cover[..., None] * _BLOOD ** blood[..., None]
    debris = (draw_debris(rng, size) * (0.8 - 0.5 * cover))[..., None]
    return np.asarray(pigment * (1 - debris) + _STOOL * debris)


def generate_polyps(seed: int, size: int = 128) -> tuple[Pixels, Pixels]:
    """One image uint8 [size, size, 3] and its mask uint8 [size, size] of 0 and 255, from nothing but the arguments."""
    check_size(size)
    rng = np.random.default_rng(seed)
    view = _draw_view(rng, size)
    wall, light = draw_wall(rng, size)
    lift, cover = _draw_polyps(rng, size, view)
    stretched = ndimage.gaussian_filter(wall, 0.1 * size)  # there are no folds on a polyp
    diffuse, glints = _shade(rng, size, wall + 0.8 * cover * (stretched - wall) + lift)
    light = light * (1 + rng.uniform(0.4, 1.0) * lift) * diffuse  # a polyp rises towards the lamp
    colour = rng.uniform(1.5, 2.3) * light[..., None] * _draw_pigment(rng, size, cover)
    colour = (np.tanh(colour) + 0.9 * glints[..., None]) * view[..., None]
    blur = rng.uniform(0.4, 0.9) * size / 128
    colour = ndimage.gaussian_filter(colour, (blur, blur, 0))
    photons = rng.poisson(_PHOTONS * (np.clip(colour, 0, 1) + 0.01)) / _PHOTONS
    return (255 * np.clip(photons, 0, 1)).astype(np.uint8), np.where(cover > 0.5, 255, 0).astype(np.uint8)
