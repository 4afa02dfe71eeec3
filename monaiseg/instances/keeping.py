"""Keeps what was predicted of many cases: a byte a probability, in memory while it is little, else in a mapped file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg.data.store import ArrayStore

Array = npt.NDArray[Any]

LEVELS = 255
"""Probabilities are kept to within half of 1 / 255."""


class KeptCases:
    """What a network tells of cases, and their objects.

    Attributes:
        ids: of the cases, in the order they came.

    Args:
        folder: where what is too large for memory goes, as `ArrayStore` has it.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.ids: list[str] = []
        self._spacings: list[Sequence[float] | None] = []
        self._store = ArrayStore(folder)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, name: str, classes: Any, channels: Any, truth: Any, spacing: Sequence[float] | None = None) -> None:
        """Keep a case: probabilities `[K, *S]`, channels `[E, *S]` or None, its ids `[K, *S]` and mm a voxel."""
        self.ids.append(name)
        self._spacings.append(spacing)
        further = np.empty((0, *classes.shape[1:]), np.float32) if channels is None else np.asarray(channels)
        for values in (np.asarray(classes), further):
            self._store.add(np.rint(LEVELS * values).astype(np.uint8))
        self._store.add(np.asarray(truth, np.int32))

    def __getitem__(self, number: int) -> tuple[Array, Array, Array, Sequence[float] | None]:
        """Return what was kept: probabilities, channels, ids and spacing."""
        classes, channels, truth = (self._store[3 * number + part] for part in range(3))
        return classes / np.float32(LEVELS), channels / np.float32(LEVELS), truth, self._spacings[number]
