"""What a picture or volume looks like in three kilobytes a view: enough to tell whether two show the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from monaiseg.data.ahead import work_ahead
from monaiseg.data.cases import Case, images_of
from monaiseg.data.pictures import opened, unreadable
from monaiseg.data.reading import image_shape, read_image
from monaiseg.data.store import ELSEWHERE, ArrayStore
from monaiseg.errors import DataError

Array = npt.NDArray[Any]
Result = TypeVar("Result")

SIDE = 32
READERS = 2
LITTLE = 8 * 2**20
"""Bytes of looks that are kept in memory; more go to a file."""

DRAFT = 128
"""The least side that a JPEG is decoded to for its look: its decoder halves for next to nothing."""


def look(pixels: Array) -> Array:
    """Return the look `[views, SIDE, SIDE, 3]`, uint8, of an image `[C, H, W]` or a volume `[C, D, H, W]`.

    A picture has one view, in colour where it has three channels. A volume has three, in grey: the middle slice across
    each axis. 8-bit pictures keep their values; all others are scaled by their own least and largest.
    """
    if pixels.ndim == 4:
        middles = [np.take(pixels, pixels.shape[axis] // 2, axis=axis) for axis in (1, 2, 3)]
        return np.concatenate([look(middle.astype(np.float32)) for middle in middles])
    if pixels.shape[0] != 3:
        pixels = pixels.mean(0, dtype=np.float32, keepdims=True).astype(pixels.dtype)
    small = np.stack([_shrunk(plane) for plane in pixels], axis=-1)
    if small.dtype != np.uint8:
        low, high = np.quantile(small, (0.01, 0.99))  # a single bright voxel must not darken all others
        small = (np.clip((small - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    return np.broadcast_to(small, (1, SIDE, SIDE, 3)).copy()


def _shrunk(plane: Array) -> Array:
    plane = plane if plane.dtype == np.uint8 else plane.astype(np.float32)
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((SIDE, SIDE), Image.Resampling.BOX))


def look_of(case: Case) -> Array:
    """Return the look of a case's image, as `look` does.

    Raises:
        DataError: the file cannot be read.
    """
    files = images_of(case)
    if len(files) == 1 and files[0].lower().endswith((".jpg", ".jpeg")):
        return look(_draft(files[0]))
    channels, size = image_shape(case)
    return look(read_image(case["image"], len(size), channels))


def _draft(path: str) -> Array:
    try:
        with opened(path) as picture:
            picture.draft("RGB", (DRAFT, DRAFT))
            return np.moveaxis(np.asarray(picture.convert("RGB")), -1, 0)
    except Exception as error:
        raise unreadable(path, "a picture", error) from error


def read_each(what: str, read: Callable[[Case], Result], cases: Sequence[Case]) -> list[Result]:
    """Return what `read` gives for each case, read by two threads, with a progress bar on a terminal."""
    return list(each_read(what, read, cases))


def each_read(what: str, read: Callable[[Case], Result], cases: Sequence[Case]) -> Iterator[Result]:
    """Give what `read_each` returns, one after another."""
    console = Console(stderr=True)
    columns = TextColumn(what), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        results = work_ahead(read, cases, READERS)
        yield from progress.track(results, total=len(cases))


class Looks:
    """The looks of cases as they come, of which memory holds few; raises DataError for pictures among volumes."""

    def __init__(self, folder: str | Path | None = None, mend: str = ELSEWHERE) -> None:
        self._store = ArrayStore(folder, LITTLE, mend)
        self._shape: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self._store)

    def add(self, look: Array) -> None:
        """Keep a look; not after all were asked for."""
        self._shape = self._shape or look.shape
        if look.shape != self._shape:
            raise DataError("the cases are pictures and volumes; keep them in folders of their own")
        self._store.add(look)

    def all(self) -> Array:
        """Return them as one array `[N, views, SIDE, SIDE, 3]`."""
        return self._store.rows() if len(self) else np.empty((0, 1, SIDE, SIDE, 3), np.uint8)
