"""The file that holds the whole state of a training, and the one before it: written whole, verified when read."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monaiseg._files import write_bytes
from monaiseg._tensors import as_bytes, read_tensors
from monaiseg.errors import ConfigError

LAST, PREVIOUS, DAMAGED = "last.pt", "previous.pt", "damaged.pt"

PARTS = {"network", "optimizer", "scheduler", "epoch", "iteration", "epoch_ended", "epoch_length", "random"}
"""What a training cannot be gone on with without."""


class DamagedCheckpoint(ConfigError):
    """A file does not hold what was written into it."""


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state whole or not at all; raises OutputError if that cannot be done."""
    write_bytes(path, as_bytes(state))


def write_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Write `last.pt`; what it held before is `previous.pt` from then on. Raises as `write_state` does."""
    write_bytes(folder / LAST, as_bytes(state), keep=folder / PREVIOUS)


def read_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Return the last good state of a training, on the CPU; None if none was written.

    A damaged `last.pt` is named, and called `damaged.pt` from then on; the one before it takes its place.

    Raises:
        ConfigError: there is none that is not damaged.
    """
    last, previous = folder / LAST, folder / PREVIOUS
    fault = None
    if last.exists():
        try:
            return verified(last)
        except DamagedCheckpoint as error:
            fault = error
    if not previous.exists():
        if fault is not None:
            raise DamagedCheckpoint(f"{fault}; there is no {PREVIOUS} before it: start a new run") from fault
        return None
    state = verified(previous)
    if fault is not None:
        os.replace(last, folder / DAMAGED)
        print(f"resume: WARNING: {fault}; it is {DAMAGED} now, and the one before it is used")
    os.replace(previous, last)
    return state


def verified(path: Path) -> dict[str, Any]:
    """Return the state in a file whose every checksum was compared.

    Raises:
        DamagedCheckpoint: it is damaged, or not the state of a training.
        ConfigError: it cannot be read now.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        state: Any = None if broken else read_tensors(path)
    except MemoryError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}); try again") from error
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise DamagedCheckpoint(f"{path}: is damaged ({reason})") from error
    if broken:
        raise DamagedCheckpoint(f"{path}: is damaged (checksum of {broken})")
    missing = PARTS - set(state) if isinstance(state, dict) else PARTS
    if missing:
        raise DamagedCheckpoint(f"{path}: is not the whole state of a training (no {', '.join(sorted(missing))})")
    return dict(state)
