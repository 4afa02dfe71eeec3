"""Where what is large goes, decoded images above all: memory while it is little, else a file that is mapped."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from monaiseg._files import home_path
from monaiseg.errors import ConfigError, OutputError

Array = npt.NDArray[Any]

IN_MEMORY = 64 * 2**20
"""Bytes that are kept in memory; with one more, all of them go to a file."""

ALIGNMENT = 64

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ELSEWHERE = "set TMPDIR to another folder"
"""What to do where the system's folder for temporary files does not do."""


class ArrayStore:
    """Arrays one after the other in one block; reading gives views of it, so that a crop copies only itself.

    The block is in memory up to a limit, and beyond it in a file without a name, which is gone with the process. Its
    pages are the system's to drop and read again: what a process needs does not grow with the data.

    Args:
        folder: where such a file would be; the system's folder for temporary files where it is None.
        in_memory: the limit in bytes.
        mend: what errors advise where the folder has no room or cannot be written to.
    """

    def __init__(self, folder: str | Path | None = None, in_memory: int = IN_MEMORY, mend: str = ELSEWHERE) -> None:
        self.folder = None if folder is None else _existing(home_path(folder))
        self.in_memory, self.mend = in_memory, mend
        self._file: IO[bytes] = BytesIO()
        self._places: list[tuple[int, np.dtype[Any], tuple[int, ...]]] = []
        self._end = 0
        self._block: Any = None

    def __len__(self) -> int:
        return len(self._places)

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays."""
        return self._end

    @property
    def in_file(self) -> bool:
        """Whether they are in a file."""
        return not isinstance(self._file, BytesIO)

    def add(self, array: Array) -> int:
        """Keep a copy of an array and return its number; not after one was read.

        Raises:
            OutputError: there is no room for the file, or no folder that can be written to.
        """
        values = np.ascontiguousarray(array)
        padding = -values.nbytes % ALIGNMENT
        with _told(self.folder, f"{self._end / 2**20:.0f} MiB were written", self.mend):
            self._make_room(values.nbytes + padding)
            self._file.write(values.data)
            self._file.write(bytes(padding))
        self._places.append((self._end, values.dtype, tuple(array.shape)))
        self._end += values.nbytes + padding
        return len(self._places) - 1

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: the bytes where they are in memory.

        Raises:
            ConfigError: they are in a file, which only the process that wrote it has, and those that it forks.
        """
        if self.in_file:
            raise ConfigError(
                "num_workers: workers that are not forked cannot read the decoded images, which are in a temporary "
                "file; set num_workers to 0"
            )
        return vars(self) | {"_block": None}

    def __getitem__(self, number: int) -> Array:
        """Return an array as a view of what is kept: it must not be written to."""
        start, dtype, shape = self._places[number]
        return np.ndarray(shape, dtype, self._mapped() if 0 not in shape else None, start if 0 not in shape else 0)

    def rows(self) -> Array:
        """Return all arrays, which must be of one type and shape, as one `[N, *shape]`, a view as well."""
        _, dtype, shape = self._places[0]
        inner = np.empty(shape, dtype).strides
        step = self._end // len(self)
        return np.ndarray((len(self), *shape), dtype, self._mapped(), strides=(step, *inner))

    def _make_room(self, size: int) -> None:
        if isinstance(self._file, BytesIO) and self._end + size > self.in_memory:
            file = TemporaryFile(dir=self.folder)  # noqa: SIM115 (open as long as the store is)
            file.write(self._file.getbuffer())
            self._file = file

    def _mapped(self) -> Any:
        if self._block is None:
            self._file.flush()
            self._block = (
                self._file.getbuffer() if isinstance(self._file, BytesIO) else mmap.mmap(self._file.fileno(), 0)
            )
        return self._block


def scratch(shape: tuple[int, ...], dtype: npt.DTypeLike, in_memory: int = IN_MEMORY // 4) -> Array:
    """Return an array to be filled, which is mapped to a nameless file where it is large; raises as `add` does."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size <= in_memory:
        return np.empty(shape, dtype)
    with _told(None, f"{size / 2**20:.0f} MiB are needed", ELSEWHERE), TemporaryFile() as file:
        if hasattr(os, "posix_fallocate"):  # else a full disk would end the process when a page is written
            os.posix_fallocate(file.fileno(), 0, size)
        return np.asarray(np.memmap(file, dtype, "w+", shape=shape))


@contextmanager
def _told(folder: Path | None, how_much: str, mend: str) -> Iterator[None]:
    """Turn an error of the system into one line that tells a full disk, no folder and a forbidden one apart."""
    try:
        yield
    except OSError as error:
        where = folder or "the folder for temporary files"
        if error.errno in FULL:
            problem = f"no room for the decoded images ({error.strerror}, {how_much}); free some, or {mend}"
        elif error.errno == errno.ENOENT:
            problem = f"is not there (any more), so that decoded images have no place; {mend}"
        else:
            problem = f"decoded images cannot be written there ({error.strerror}); {mend}"
        raise OutputError(f"{where}: {problem}") from error


def _existing(folder: Path) -> Path:
    """Return the folder or, where it is not there yet, the nearest one above it: it is on the same disk."""
    return next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), Path.cwd())
