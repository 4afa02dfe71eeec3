"""How alike two looks are: in colours, and in structure wherever the one lies in the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from monaiseg.data.looks import SIDE
from monaiseg.data.store import scratch

Array = npt.NDArray[Any]

GREY = np.array([0.299, 0.587, 0.114], np.float32)
DARK = 32
"""Grey values up to this one are the rim around an endoscope's picture, unless most of the picture is so dark."""

BINS = (12, 12, 6)
RANGES = ((-0.3, 1.5), (-1.5, 0.5), (3.0, 5.6))
"""Of the logarithms of red over green, of blue over green, and of the mean."""

CHUNK = 250
"""Looks whose features are worked out at once."""

GRID = 24
WINDOW = 0.8
SCALES = (0.69, 0.8, 0.92)
SHIFTS = (-0.1, -0.05, 0.0, 0.05, 0.1)
STRETCH = 1.3
OVERLAP = 0.4
"""The middle of one look, 80 % of its sides, is sought in windows of these sides and shifts of the other, whose sides
may differ by less than STRETCH, and of which both looks show at least OVERLAP."""


class Features:
    """What looks `[N, views, SIDE, SIDE, 3]` are compared by.

    Attributes:
        colours: `[N, bins]` of length 1, the share of each colour: the same wherever things lie.
        plan: `[N, cells]` of length 1, the structure at half the resolution: the same whatever the colours are.
        structure: `[N, views, SIDE, SIDE]`, grey minus its surroundings, in units of the contrast there.
        seen: `[N, views, SIDE, SIDE]`, where there is picture rather than rim.
        richness: `[N]`, the share of the look that carries its structure: a few blobs match by chance.
    """

    def __init__(self, looks: Array) -> None:
        count, self.views = looks.shape[:2]
        picture = (self.views, SIDE, SIDE)
        self.colours = scratch((count, self.views * int(np.prod(BINS))), np.float32)
        self.plan = scratch((count, self.views * (SIDE // 2) ** 2), np.float32)
        self.structure = scratch((count, *picture), np.float32)
        self.seen = scratch((count, *picture), bool)
        self.richness = scratch((count,), np.float32)
        kept = self.colours, self.plan, self.structure, self.seen, self.richness
        for start in range(0, count, CHUNK):
            rows = slice(start, start + CHUNK)
            for target, values in zip(kept, _features(looks[rows]), strict=True):
                target[rows] = values

    def likeness(self, one: int, others: Array) -> Array:
        """Return how well the structure of `one` fits that of each of the `others`: 1 the same, 0 unrelated."""
        best = [self._fit(one, others, view) for view in range(self.views)]
        return np.asarray(np.mean(best, axis=0))

    def _fit(self, one: int, others: Array, view: int) -> Array:
        """Return the largest correlation over all windows, over what both show."""
        here, seen = _windows(self.structure[one, view], self.seen[one, view])
        there = _CENTRE @ self.structure[others, view] @ _CENTRE.T
        there_seen = _CENTRE @ self.seen[others, view].astype(np.float32) @ _CENTRE.T > 0.95
        there = (there * there_seen).reshape(len(others), -1)
        weights = there_seen.reshape(len(others), -1).astype(np.float32)
        energy = ((here * here) @ weights.T) * (seen @ (there * there).T)
        fit = (here @ there.T) / np.sqrt(energy + 1e-3)
        overlap = seen @ weights.T / GRID**2
        return np.asarray(np.where(overlap >= OVERLAP, fit, 0).max(0))


def _features(looks: Array) -> tuple[Array, ...]:
    count, views = looks.shape[:2]
    flat = looks.reshape(-1, SIDE, SIDE, 3).astype(np.float32)
    grey = flat @ GREY
    structure, seen = _structure(grey)
    inner = structure[:, 3:-3, 3:-3].reshape(len(structure), -1) ** 2
    richness = inner.sum(1) ** 2 / np.maximum((inner**2).sum(1), 1e-6) / inner.shape[1]
    half = SIDE // 2
    plan = structure.reshape(-1, half, 2, half, 2).mean((2, 4))
    return (
        _unit(_colours(flat, grey).reshape(count, -1)),
        _unit(plan.reshape(count, -1)),
        structure.reshape(count, views, SIDE, SIDE),
        seen.reshape(count, views, SIDE, SIDE),
        richness.reshape(count, views).mean(1),
    )


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6))


def _bright(grey: Array) -> Array:
    """Return where there is picture: all of it in pictures that are dark for the most part."""
    bright = ndimage.minimum_filter(grey > DARK, (1, 3, 3))
    return np.asarray(bright | (bright.mean((1, 2), keepdims=True) < 0.5))


def _colours(flat: Array, grey: Array) -> Array:
    """Return the square root of each colour's share, [N, bins]: products of such rows are Bhattacharyya's."""
    red, green, blue = np.moveaxis(np.log(flat + 1), -1, 0)
    axes = red - green, blue - green, np.log(flat.mean(-1) + 1)
    cells = [
        np.clip(((axis - low) / (high - low) * bins).astype(int), 0, bins - 1)
        for axis, (low, high), bins in zip(axes, RANGES, BINS, strict=True)
    ]
    size = int(np.prod(BINS))
    codes = np.ravel_multi_index(cells, BINS) + size * np.arange(len(flat))[:, None, None]
    counts = np.bincount(codes[_bright(grey)], minlength=size * len(flat)).reshape(-1, *BINS)
    smooth = ndimage.gaussian_filter(counts.astype(np.float32), (0, 0.5, 0.5, 0.4))
    return np.asarray(np.sqrt(smooth).reshape(len(flat), size))


def _structure(grey: Array) -> tuple[Array, Array]:
    """Return grey [N, SIDE, SIDE] as contrast to its surroundings, the rim left out, and where there is no rim."""
    seen = _bright(grey)
    weights = seen.astype(np.float32)
    fine, coarse = (_smooth(grey * weights, sigma) / (_smooth(weights, sigma) + 1e-3) for sigma in (0.5, 2.0))
    detail = (fine - coarse) * weights
    contrast = np.sqrt(_smooth(detail**2, 2.0) / (_smooth(weights, 2.0) + 1e-3))
    # Three grey levels: less contrast than that is noise. The clip keeps one highlight from deciding.
    return np.clip(detail / (contrast + 3), -2.5, 2.5) * weights, seen


def _smooth(planes: Array, sigma: float) -> Array:
    return np.asarray(ndimage.gaussian_filter(planes, (0, sigma, sigma), mode="nearest"))


def _sampling(start: float, length: float) -> Array:
    """Return the matrix [GRID, SIDE] that samples a side linearly from `start`, both as shares of the side."""
    places = np.clip((start + (np.arange(GRID) + 0.5) * length / GRID) * SIDE - 0.5, 0, SIDE - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(places[:, None] - np.arange(SIDE))), np.float32)


_SIDES = [(scale, shift) for scale in SCALES for shift in SHIFTS if scale / 2 + abs(shift) <= 0.52]
_SAMPLINGS = np.stack([_sampling(0.5 + shift - scale / 2, scale) for scale, shift in _SIDES])
_CENTRE = _sampling(0.5 - WINDOW / 2, WINDOW)
_ROWS, _COLUMNS = (
    np.array(axis)
    for axis in zip(
        *(
            (row, column)
            for row, (height, _) in enumerate(_SIDES)
            for column, (width, _) in enumerate(_SIDES)
            if max(height, width) < STRETCH * min(height, width)
        ),
        strict=True,
    )
)


def _windows(structure: Array, seen: Array) -> tuple[Array, Array]:
    """Return the structure in each window of a look, [windows, GRID * GRID], and where it is seen."""
    both = np.stack([structure, seen.astype(np.float32)])
    lines = _SAMPLINGS.reshape(-1, SIDE)
    sampled = (lines @ both @ lines.T).reshape(2, len(_SAMPLINGS), GRID, len(_SAMPLINGS), GRID)
    values, weights = (one[_ROWS, :, _COLUMNS].reshape(len(_ROWS), -1) for one in sampled)
    known = weights > 0.95
    return values * known, known.astype(np.float32)
