"""The file that holds the whole state of a training, and the one before it: written whole, verified when read."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from monaiseg._entries import unlike
from monaiseg._files import write_bytes
from monaiseg._tensors import as_bytes, read_tensors
from monaiseg.errors import ConfigError, OutputError, first_line

LAST, PREVIOUS, DAMAGED = "last.pt", "previous.pt", "damaged.pt"

NUMBER, SUM = int | float, int | float | torch.Tensor
PARTS: dict[str, Any] = {
    "network": {},
    "optimizer": {"state": dict, "param_groups": [dict]},
    "scheduler": {"schedule": {"last_epoch": int}, "epochs": int, "steps_an_epoch": int},
    "scaler": {},
    "best": {"dice": NUMBER, "epoch": int, "scores": dict | None},
    "table": {"rows": [dict], "epoch": {"epoch": int, "lr": NUMBER, "steps": SUM, "loss": SUM, "overlap": SUM}},
    "early_stopping": {"stalled": int},
    "report": {"seconds": NUMBER},
    "epoch": int,
    "iteration": int,
    "epoch_length": int,
    "max_epochs": int,
    "epoch_ended": bool,
    "random": [{"torch": torch.Tensor, "cuda": list, "numpy": tuple, "python": tuple}],
}
"""What a training cannot be gone on with without, as `unlike` has it."""


class DamagedCheckpoint(ConfigError):
    """A file does not hold what was written into it, or not the whole state of a training."""


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
        OutputError: a damaged one cannot be renamed.
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
    try:
        state = verified(previous)
    except DamagedCheckpoint as error:
        raise DamagedCheckpoint(f"{fault or f'{last}: is gone'}; {error}: start a new run") from error
    _take_its_place(folder, fault)
    return state


def _take_its_place(folder: Path, fault: DamagedCheckpoint | None) -> None:
    """Call `previous.pt` `last.pt`, and what was that `damaged.pt`, for its `fault`."""
    try:
        if fault is not None:
            os.replace(folder / LAST, folder / DAMAGED)
            print(f"resume: WARNING: {fault}; it is {DAMAGED} now, and the one before it is used")
        os.replace(folder / PREVIOUS, folder / LAST)
    except OSError as error:
        told = f"{PREVIOUS} cannot take the place of {LAST} ({error.strerror})"
        raise OutputError(f"{folder}: {told}; mend the rights of the folder") from error


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
        told = None if broken else unlike(state, PARTS) or _impossible(state)
    except MemoryError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}); try again") from error
    except Exception as error:
        reason = first_line(error).removeprefix(f"{path}: ").partition(";")[0]  # another mend follows
        raise DamagedCheckpoint(f"{path}: is damaged ({reason})") from error
    if broken:
        raise DamagedCheckpoint(f"{path}: is damaged (checksum of {broken})")
    if told:
        raise DamagedCheckpoint(f"{path}: is not the whole state of a training ({told})")
    return dict(state)


def _impossible(state: Mapping[str, Any]) -> str | None:
    """Return in words which of the counts no training comes to; None where all can be."""
    epoch, length, step, planned = (state[key] for key in ("epoch", "epoch_length", "iteration", "max_epochs"))
    best, schedule = state["best"], state["scheduler"]
    moved, steps = schedule["schedule"]["last_epoch"], schedule["steps_an_epoch"]
    rules = {
        f"epoch {epoch} of {planned}": 1 <= epoch <= planned,
        f"step {step} in epoch {epoch} of {length} steps each": (epoch - 1) * length < step <= epoch * length,
        f"{steps} steps of the optimizer in an epoch of {length}": 1 <= steps <= length,
        f"{moved} steps of the schedule by epoch {epoch}": 0 <= moved <= epoch * steps,
        f"the best epoch {best['epoch']} by epoch {epoch}": best["epoch"] <= epoch,
        "no scores of the best epoch": (best["epoch"] < 1) == (best["scores"] is None),
        f"{state['early_stopping']['stalled']} evaluations": 0 <= state["early_stopping"]["stalled"] <= epoch,
    }
    return next((told for told, holds in rules.items() if not holds), None)


def check_weights(path: Path, kept: Mapping[str, Any], network: Mapping[str, torch.Tensor]) -> None:
    """Raise ConfigError where a state of a network has not all tensors of the shapes that this one has.

    Names may be others: what is trained may hold the network.
    """
    shapes = Counter(tuple(value.shape) for value in kept.values() if isinstance(value, torch.Tensor))
    for name, value in network.items():
        shape = tuple(value.shape)
        if not shapes[shape]:
            raise ConfigError(f"{path}: has the weights of another network (none for {name}, {shape}); start a new run")
        shapes[shape] -= 1
