"""What several tests of batches share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from monaiseg.data import ReadCase, TrainingDataset, build_augmentation, list_cases

ROI = (24, 24)


def make(folder: Path, seed: int = 0, roi: Sequence[int] = ROI, augment: Any = "light") -> TrainingDataset:
    """What the bundles train on."""
    return TrainingDataset(list_cases(folder)[1], ReadCase(2, 3, 1), build_augmentation(augment, 2, 3, roi), seed)


def equal(first: Any, second: Any) -> bool:
    """Whether two nests of batches are equal bit for bit."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second
