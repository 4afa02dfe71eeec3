"""Downloads a file to a part beside it, and goes on with a part that an earlier try left."""

from __future__ import annotations

import json
import shutil
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO

from rich.filesize import decimal

from monaiseg._files import write_json
from monaiseg.data._asking import ENDED, BrokenOff, FileVersion, ask, reason_of
from monaiseg.data._checksums import Watch
from monaiseg.errors import DataError, OutputError

_CHUNK = 1 << 16


def download_file(url: str, path: Path, watch: Watch) -> Path:
    """Download a file to `PATH.part` and return that part once it is whole; `settle` gives it its name.

    It goes on with a part that is there if that is of the same version of the same file. A connection that breaks off
    is made again as long as each try gets further than all before it.

    Raises:
        DataError: the server refuses or cannot be reached; what was downloaded is kept.
        OutputError: the part cannot be written, or there is no room for it.
    """
    part = path.with_name(f"{path.name}.part")
    furthest = _size(part)
    while True:
        try:
            _go_on(url, part, watch)
        except BrokenOff as error:
            if _size(part) <= furthest:
                kept = f"{decimal(_size(part))} are kept; " if _size(part) else ""
                raise DataError(f"{url}: {error}; {kept}run the command again, or put the file at {path}") from error
            furthest = _size(part)
            print(f"{error}; trying again", flush=True)
        else:
            return part


def settle(part: Path, path: Path) -> None:
    """Give a whole part its name, whatever had it before."""
    part.replace(path)
    _facts(part).unlink(missing_ok=True)


def _go_on(url: str, part: Path, watch: Watch) -> None:
    """Ask for what is missing, and write it."""
    known, have = _read_version(part), _size(part)
    if known is not None and known.url == url and have == known.size:
        return
    if known is None or known.url != url or not known.validator:
        have = 0
    response, start, version = ask(url, known, have)
    with response:
        if start:
            print(f"going on at {decimal(start)}", flush=True)
        else:
            _begin(part, version)
        _check_room(part, start, version.size)
        try:
            with part.open("ab") as file:
                _receive(response, file, start, version.size, watch)
        except OSError as error:
            raise _unwritable(part, error) from error


def _receive(response: HTTPResponse, file: BinaryIO, done: int, size: int | None, watch: Watch) -> None:
    """Write the bytes as they come; an OSError that leaves here is the file's."""
    while True:
        try:
            chunk = response.read(_CHUNK)
        except (OSError, HTTPException) as error:
            raise BrokenOff(reason_of(error)) from error
        if not chunk:
            break
        file.write(chunk)
        done += len(chunk)
        watch("downloading", done, size)
    if size is not None and done < size:
        raise BrokenOff(ENDED)


def _begin(part: Path, version: FileVersion) -> None:
    """Start a new part: old bytes go first, so that they never stand beside the facts of another version."""
    if _size(part):
        print(f"{part} is not of the file that is there now, or the server sends no rest: starting anew", flush=True)
    try:
        part.unlink(missing_ok=True)
        _facts(part).unlink(missing_ok=True)
        part.touch()
    except OSError as error:
        raise _unwritable(part, error) from error
    write_json(_facts(part), version._asdict())


def _check_room(part: Path, start: int, size: int | None) -> None:
    free = shutil.disk_usage(part.parent).free
    if size is not None and size - start > free:
        raise OutputError(
            f"{part}: {decimal(size - start)} are to come and {decimal(free)} are free; "
            "free space or choose another --folder"
        )


def _unwritable(part: Path, error: OSError) -> OutputError:
    mend = "free space or choose another --folder, what was downloaded is kept"
    return OutputError(f"{part}: cannot be written ({error.strerror}); {mend}")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _facts(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_version(part: Path) -> FileVersion | None:
    try:
        return FileVersion(**json.loads(_facts(part).read_text()))
    except (OSError, ValueError, TypeError):  # none there, or none that can be read: the part is begun anew
        return None
