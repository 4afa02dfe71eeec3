"""Volumes whose content is a function of the place, so that two samplings of it show the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt

from monaiseg.data import Case

Affine = npt.NDArray[np.float64]


def write_volume(file: Path, values: npt.ArrayLike, spacing: Sequence[float] = (1, 1, 1)) -> Affine:
    """Write NIfTI of this spacing, which lies somewhere, and return its affine."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (-20.0, 7.0, 3.5)
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.asarray(values), affine), file)
    return affine


def body(spacing: Sequence[float], extent: Sequence[float] = (32, 40, 24), seed: int = 0) -> tuple[npt.NDArray, ...]:
    """Image float32 and label uint8 (0, 1, 2) `[*extent / spacing]` of an ellipsoid whose halves are two classes.

    The place of a voxel is its middle, so that all samplings cover the same millimetres.
    """
    rng = np.random.default_rng(seed)
    counts = [round(length / step) for length, step in zip(extent, spacing, strict=True)]
    places = np.meshgrid(*((np.arange(n) + 0.5) * s for n, s in zip(counts, spacing, strict=True)), indexing="ij")
    middle = [length * rng.uniform(0.45, 0.55) for length in extent]
    away = sum(((place - m) / (0.3 * e)) ** 2 for place, m, e in zip(places, middle, extent, strict=True))
    image = 100 + 50 * np.exp(-away) + 10 * np.sin(places[1] / 6)
    label = np.where(away < 1, np.where(places[1] < middle[1], 1, 2), 0)
    return image.astype(np.float32), label.astype(np.uint8)


def body_case(folder: Path, name: str, spacing: Sequence[float], seed: int = 0) -> Case:
    """Write a body as the Decathlon has it, and return it as a case."""
    paths = [folder / sub / f"{name}.nii.gz" for sub in ("imagesTr", "labelsTr")]
    for path, values in zip(paths, body(spacing, seed=seed), strict=True):
        write_volume(path, values, spacing)
    return Case(image=str(paths[0]), label=[str(paths[1])], id=name, group=None)
