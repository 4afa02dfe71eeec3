"""Where what is large goes, decoded images above all: memory while it is little, else a file that is mapped."""

from __future__ import annotations

import mmap
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from monaiseg.errors import OutputError

Array = npt.NDArray[Any]

IN_MEMORY = 64 * 2**20
"""Bytes that are kept in memory; with one more, all of them go to a file."""

ALIGNMENT = 64


class ArrayStore:
    """Arrays one after the other in one block; reading gives views of it, so that a crop copies only itself.

    The block is in memory up to a limit, and beyond it in a file without a name, which is gone with the process. Its
    pages are the system's to drop and read again: what a process needs does not grow with the data.

    Args:
        folder: where such a file would be; the system's folder for temporary files where it is None.
        in_memory: the limit in bytes.
    """

    def __init__(self, folder: str | Path | None = None, in_memory: int = IN_MEMORY) -> None:
        self.folder = None if folder is None else _existing(Path(folder).expanduser())
        self.in_memory = in_memory
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
            OutputError: there is no room for the file.
        """
        values = np.ascontiguousarray(array)
        padding = -values.nbytes % ALIGNMENT
        try:
            self._make_room(values.nbytes + padding)
            self._file.write(values.data)
            self._file.write(bytes(padding))
        except OSError as error:
            where = self.folder or "the folder for temporary files"
            raise OutputError(
                f"{where}: no room for the decoded images ({error.strerror} after {self._end / 2**20:.0f} MiB); "
                "free some, or choose another --output_dir"
            ) from error
        self._places.append((self._end, values.dtype, tuple(array.shape)))
        self._end += values.nbytes + padding
        return len(self._places) - 1

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
    """Return an array to be filled, which is mapped to a nameless file where it is large."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size <= in_memory:
        return np.empty(shape, dtype)
    with TemporaryFile() as file:
        return np.asarray(np.memmap(file, dtype, "w+", shape=shape))


def _existing(folder: Path) -> Path:
    """Return the folder or, where it is not there yet, the nearest one above it: it is on the same disk."""
    return next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), Path.cwd())
