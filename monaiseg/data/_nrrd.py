"""Opens one NRRD file by pynrrd: no other file that it names, and no more of what it holds than it declares."""

from __future__ import annotations

import bz2
import gzip
import io
from typing import IO, Any

from monaiseg.data.bounds import check_held, most_bytes
from monaiseg.data.pictures import unreadable
from monaiseg.errors import ConfigError, DataError

_NEEDED = ("dimension", "sizes", "type", "encoding")
_ELSEWHERE = ("data file", "datafile")
_LINES = ("line skip", "lineskip")
_GZIP, _BZIP2 = ("gzip", "gz"), ("bzip2", "bz2")


def read_nrrd_header(path: str) -> dict[str, Any]:
    """Return the header of a file.

    Raises:
        DataError: it cannot be read, names another file, or declares more than a file may hold.
        ConfigError: pynrrd is not installed.
    """
    with _open(path) as file:
        return _header(path, file)


def read_nrrd(path: str) -> tuple[Any, dict[str, Any]]:
    """Return the values in the order of the header's `sizes`, and the header; raises as `read_nrrd_header` does."""
    with _open(path) as file:
        header = _header(path, file)
        try:
            return _values(path, header, file), header
        except DataError:
            raise
        except Exception as error:
            raise unreadable(path, "NRRD", error) from error


def _open(path: str) -> IO[bytes]:
    try:
        return open(path, "rb")
    except OSError as error:
        raise unreadable(path, "NRRD", error) from error


def _header(path: str, file: IO[bytes]) -> dict[str, Any]:
    header = dict(_parsed(path, file))
    missing = [field for field in _NEEDED if field not in header]
    if missing or header["dimension"] != len(header["sizes"]):
        told = (
            f"its header has no {missing[0]}" if missing else "its header has another number of sizes than dimensions"
        )
        raise unreadable(path, "NRRD", ValueError(told))
    for field in (*_ELSEWHERE, *_LINES):
        if header.get(field, 0) != 0:
            told = f"its header has a {field}, as if its values were in another file or after further text"
            raise DataError(f"{path}: {told}; save it as one plain file", "unreadable")
    check_held(path, header["sizes"], 1)
    return header


def _parsed(path: str, file: IO[bytes]) -> Any:
    try:
        import nrrd
    except ImportError as error:
        raise ConfigError(f"{path}: reading NRRD needs pynrrd: pip install 'monaiseg[nrrd]'") from error
    try:
        return nrrd.read_header(file)
    except Exception as error:
        raise unreadable(path, "NRRD", error) from error


def _values(path: str, header: dict[str, Any], file: IO[bytes]) -> Any:
    import nrrd

    if header["encoding"] not in (*_GZIP, *_BZIP2):
        return nrrd.read_data(header, file, path)
    inflated = gzip.GzipFile(fileobj=file) if header["encoding"] in _GZIP else bz2.BZ2File(file)
    most = most_bytes(path)  # inflated here because pynrrd inflates all that there is
    content = inflated.read(most + 1)
    if len(content) > most:
        raise DataError(f"{path}: inflates to over {most} bytes; replace it, or save it without compression", "size")
    return nrrd.read_data(header | {"encoding": "raw"}, io.BytesIO(content), path)
