"""Maps and truths for the measures of PraNet's evaluation, the same on every machine: whole numbers throughout."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
COUNT = 220


def grey_pair(seed: int) -> tuple[Grey, Bools]:
    """A map of 0 to 255 and a truth, [H, W]; among them empty and full truths, and maps that are sure or constant."""
    draw = np.random.RandomState(seed)  # its stream never changes
    shape = [(40, 48), (33, 27), (17, 60), (64, 64)][seed % 4]
    truth = _shapes(draw, shape)
    if seed % 20 == 0:
        truth[:] = False
    if seed % 20 == 10:
        truth[:] = True
    return _looked_for(draw, truth, seed), truth


def _shapes(draw: Any, shape: tuple[int, int]) -> Bools:
    down, across = np.indices(shape)
    truth = np.zeros(shape, bool)
    for _ in range(draw.randint(1, 4)):
        row, column, radius = draw.randint(shape[0]), draw.randint(shape[1]), draw.randint(3, 12)
        if draw.randint(2):
            truth |= (down - row) ** 2 + (across - column) ** 2 <= radius**2
        else:
            truth |= (abs(down - row) <= radius) & (abs(across - column) <= radius // 2 + 1)
    return truth


def _looked_for(draw: Any, truth: Bools, seed: int) -> Grey:
    moved = np.roll(truth, draw.randint(-4, 5, 2), (0, 1)) if seed % 3 else truth
    if seed % 11 == 0:
        return (moved * 255).astype(np.uint8)
    if seed % 37 == 1:
        return np.full(truth.shape, draw.randint(256), np.uint8)
    low, high = draw.randint(0, 60), draw.randint(120, 256)
    noise = draw.randint(0, 90, truth.shape)
    smooth = sum(np.roll(moved * 200 + noise, step, axis) for axis in (0, 1) for step in (-2, -1, 0, 1, 2)) // 10
    return np.clip(smooth, low, high).astype(np.uint8)
