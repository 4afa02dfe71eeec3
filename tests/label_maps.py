"""Pairs of label maps for the tests of measures: a truth, and a prediction that errs in every way at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

LabelMap = npt.NDArray[np.integer[Any]]
SHAPES = [(24, 20), (40, 33), (13, 12, 11), (1, 30), (9, 9, 1)]


def random_pair(seed: int) -> tuple[LabelMap, LabelMap]:
    """A prediction and a truth of some boxes and balls, in 2D or 3D, with ids that are not consecutive."""
    rng = np.random.default_rng(seed)
    shape = SHAPES[seed % len(SHAPES)]
    ids = rng.permutation(np.arange(1, 400))
    truth = np.zeros(shape, [np.int32, np.uint8, np.int64, np.uint16][seed % 4])
    grid = np.indices(shape)
    for number in ids[: rng.integers(0, 12)] % (200 if truth.dtype == np.uint8 else 400):
        centre, radius = rng.integers(0, shape), rng.integers(1, 5, len(shape))
        apart = np.abs(grid - centre.reshape(-1, *[1] * len(shape))) / radius.reshape(-1, *[1] * len(shape))
        truth[(apart.max(0) if rng.random() < 0.5 else np.hypot.reduce(apart, 0)) <= 1] = number
    return perturbed(truth, rng).astype(np.int32), truth


def perturbed(truth: LabelMap, rng: np.random.Generator) -> LabelMap:
    """Objects lost, moved, halved, merged and renumbered, and a few that are not there."""
    made = np.zeros(truth.shape, np.int64)
    for number in np.unique(truth[truth > 0]):
        where = np.nonzero(truth == number)
        what = rng.choice(["lose", "move", "halve", "merge", "keep", "keep", "thin"])
        if what == "lose":
            continue
        if what == "move":
            axis = rng.integers(truth.ndim)
            moved = np.clip(where[axis] + rng.integers(-2, 3), 0, truth.shape[axis] - 1)
            where = (*where[:axis], moved, *where[axis + 1 :])
        made[where] = 7 if what == "merge" else 1000 + 3 * int(number)
        if what == "halve":
            made[tuple(axis[: len(axis) // 2] for axis in where)] = 5000 + int(number)
        if what == "thin":
            step = rng.integers(2, 9)
            made[tuple(axis[::step] for axis in where)] = 0
    for number in range(rng.integers(0, 3)):
        made[tuple(slice(start, start + 3) for start in rng.integers(0, truth.shape))] = 9000 + number
    return made


def nuclei(folder: Path) -> LabelMap:
    """The masks of one image of the Data Science Bowl 2018, merged: [H, W], numbered by the names of their files."""
    masks = [np.asarray(Image.open(file).convert("L")) > 0 for file in sorted((folder / "masks").glob("*.png"))]
    merged = np.zeros(masks[0].shape, np.int32)
    for number, mask in enumerate(masks, 1):
        merged[mask] = number
    return merged


def nuclei_pairs(root: Path, count: int) -> Iterator[tuple[LabelMap, LabelMap]]:
    """Predictions and truths of the smaller images of the Data Science Bowl 2018."""
    few = [folder for folder in sorted(root.iterdir()) if len(list((folder / "masks").glob("*.png"))) <= 40]
    for seed, folder in enumerate(few[:count]):
        truth = nuclei(folder)
        yield perturbed(truth, np.random.default_rng(seed)), truth
