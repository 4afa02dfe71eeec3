"""How much a file may hold: what its header declares is looked at before room is made for it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from monaiseg.errors import DataError

MOST = 2**30
TIMES = 100
"""A file may stand for this many bytes, or for this many times its own size, whichever is more."""

VALUE = 4
"""Bytes that a value takes at least once it is read, as float32."""


def most_bytes(path: str | Path) -> int:
    """Return how many bytes a file may stand for: by its size, so that one without compression may always be read."""
    return max(MOST, TIMES * os.path.getsize(path))


def check_held(path: str, shape: Sequence[int], itemsize: int, before: int = 0) -> None:
    """Refuse a file by the shape that its header declares.

    Args:
        path: the file.
        shape: of its values, all axes.
        itemsize: bytes of each.
        before: bytes that come before the values.

    Raises:
        DataError: it holds nothing, or more than `most_bytes`.
    """
    sizes = [int(size) for size in shape]
    told = "x".join(map(str, sizes))
    if min(sizes, default=0) < 1:
        raise DataError(f"{path}: is of size {told or 0}, without any value; replace or remove it", "size")
    if max(math.prod(sizes) * max(itemsize, VALUE), before) > most_bytes(path):
        raise DataError(
            f"{path}: declares {told} values, which is over {TIMES} times its size and over a GiB; replace it, or if "
            "it is meant save it without compression or in parts",
            "size",
        )
