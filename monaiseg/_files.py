"""Writes files, whole or not at all, with one line that names the file when it cannot be done; and reads JSON."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monaiseg.errors import OutputError

PART = ".part"
"""How the name of a file ends that is not whole yet."""


def write_bytes(path: Path, content: bytes, keep: Path | None = None) -> None:
    """Write a file by way of a temporary one beside it, so that a failure leaves the previous file as it was.

    Args:
        path: the file.
        content: what is in it.
        keep: what the previous file is called once the new one is whole; None: it is gone.

    Raises:
        OutputError: the disk is full, or the folder cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            os.replace(path, keep)
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); free space or choose another folder, "
            "what was written before is intact"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_folder(path: Path, flag: str) -> None:
    """Raise OutputError unless the folder of a file that is to be written is there; `flag` is what names the file."""
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it, or choose another {flag}")


def write_into(folder: Path, name: str, content: bytes) -> None:
    """Write a new file of a folder that is not whole yet: without waiting for the disk, which `publish` does for all.

    Raises:
        OutputError: the file would lie outside the folder or is there already, the disk is full, or the folder cannot
            be written to.
    """
    path = folder / name
    if not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder)):  # a new folder has no links in it
        raise OutputError(f"{path}: lies outside {folder}; rename the case")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); rename the case if the file exists, else free space or "
            "choose another folder"
        ) from error


def publish(partial: Path, folder: Path) -> None:
    """Give a folder that is whole its name; what it holds is on the disk before, so that no crash leaves it half.

    Raises:
        OutputError: a folder of that name is there and not empty, or cannot be replaced.
    """
    if hasattr(os, "sync"):
        os.sync()  # once for all files: waiting for each makes a set of thousands several times slower
    try:
        os.replace(partial, folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created ({error.strerror}); choose another folder") from error


def read_json(path: Path) -> Any:
    """Return what a JSON file holds, in UTF-8 with a byte order mark or without.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or nested so deeply that it is meant to break what reads it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file; raises as `write_bytes` does."""
    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV file with a header; raises as `write_bytes` does."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def home_path(given: Any) -> Path:
    """Return a path as it was given with `~` followed; that of nobody who is known here stays as it is."""
    path = Path(str(given))
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def make_folder(path: Path, what: str = "folder") -> Path:
    """Create a folder and its parents, and return it; `what` is another to choose where that fails.

    Raises:
        OutputError: it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be created ({error.strerror}); choose another {what}") from error
    return path
