"""Adds the masks of a class up, one instance after another, and sees which of them lie on each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg.data.reading import size_text
from monaiseg.errors import DataError

Array = npt.NDArray[Any]

MOST = 0.5
"""Two instances of which the smaller one lies with more than this share in the other are one thing, or a mistake."""


class Instances:
    """The instances of one class of a case."""

    def __init__(self) -> None:
        self._owner: Array | None = None
        self._twice: Array | None = None
        self._files: list[str] = [""]
        self._sizes: list[int] = [0]

    @property
    def union(self) -> Array:
        """What any of them covers, `[*spatial]`."""
        assert self._owner is not None
        return self._owner > 0

    @property
    def overlapping(self) -> int:
        """Pixels that several of them cover."""
        return 0 if self._twice is None else int(self._twice.sum())

    def add(self, file: str, mask: Array) -> str:
        """Add an instance; return what is to be told if it lies on another one, else nothing.

        Raises:
            DataError: it is of another size.
        """
        if self._owner is None:
            self._owner = np.zeros(mask.shape, np.uint16)
        if mask.shape != self._owner.shape:
            sizes = f"{size_text(mask.shape)}, the case's other masks are {size_text(self._owner.shape)}"
            raise DataError(f"{file}: is {sizes}; make them equal", "size")
        told = self._on_another(file, mask)
        self._files.append(file)
        self._sizes.append(int(mask.sum()))
        self._owner[mask] = len(self._files) - 1
        return told

    def _on_another(self, file: str, mask: Array) -> str:
        assert self._owner is not None
        held = np.bincount(self._owner[mask], minlength=len(self._files))
        if not held[1:].any():
            return ""
        self._twice = (self._owner > 0) & mask | (False if self._twice is None else self._twice)
        smaller = np.minimum(np.array(self._sizes), mask.sum())
        shares = np.divide(held, smaller, out=np.zeros(len(held)), where=smaller > 0)
        shares[0] = 0
        other = int(shares.argmax())
        if shares[other] <= MOST:
            return ""
        return (
            f"shares {shares[other]:.0%} of the smaller one's pixels with {self._files[other]}; keep one, or mend both"
        )
