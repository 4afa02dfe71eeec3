"""Keeps the folder of a run to one training: locked as long as it runs, rid of what an interrupted one left half."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path
from typing import IO

from monaiseg._files import PART
from monaiseg.errors import ConfigError, OutputError

LOCK = ".lock"


def locked(path: Path) -> IO[bytes]:
    """Return a file whose lock says that this process trains the run; kill -9 frees it as well.

    A POSIX lock, which processes that load data do not inherit.

    Raises:
        ConfigError: another process trains it.
        OutputError: the folder cannot be written to.
    """
    try:
        file = (path / LOCK).open("ab")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written to ({error.strerror}); choose another --output_dir") from error
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            file.close()
            raise ConfigError(f"resume: {path} is being trained by another process; wait, or stop that one") from error
        print(
            f"{path}: WARNING: cannot be locked ({error.strerror}), so that nothing keeps a second training out of it"
        )
    return file


def clear_parts(path: Path) -> None:
    """Remove files of a run that were not whole when it was interrupted."""
    for part in path.glob(f".*{PART}"):
        part.unlink(missing_ok=True)
