"""Which run a training goes on with, and whether it may: the configuration and the cases must be the run's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from monaiseg.bundle._lock import locked
from monaiseg.bundle.parsed import read_config
from monaiseg.bundle.records import naming, read_record
from monaiseg.engine.checkpoint import LAST, check_weights, read_checkpoint
from monaiseg.errors import ConfigError, DataError, OutputError, printable

NONE, AUTO = "none", "auto"

FREE = {
    *("begin", "initialize", "finalize", "network_in_training", "sync_batchnorm"),
    "resume",
    "epochs",
    "early_stopping",
    "checkpoint_minutes",
    "num_workers",
    "device",
    "data_root",
    "dataset_dir",
    "output_dir",
    "bundle_root",
}
"""Keys that may change: what an overlay for several processes sets, how long a run is, and where it is. That the data
are the same is seen from the data."""

COMPUTED = ("device", "amp", "channels_last", "compile")
"""Settings that the machine decides, too."""

USED: dict[str, Any] = {"status": str, "config": {}, "bundle": str}
KNOWN = {"epochs_done": int, "stopped_early": bool, "resumed": [dict], "settings": dict, "versions": dict}
"""Of `run.json`: what each has, and what some have."""


@dataclass(frozen=True)
class Found:
    """A run to go on with.

    Attributes:
        path: its folder.
        facts: its `run.json`.
        checkpoint: its state, None where none was saved.
        lock: on the folder, as long as the file is open.
    """

    path: Path
    facts: dict[str, Any]
    checkpoint: dict[str, Any] | None
    lock: IO[bytes]


def find_resumed(
    resume: str,
    output_dir: Path,
    config: Mapping[str, Any],
    split: Mapping[str, Any],
    network: Mapping[str, torch.Tensor],
) -> Found | None:
    """Return the run to go on with, locked; None where a new one is to be started.

    Args:
        resume: `"none"`, a run's folder, or `"auto"`: the newest unfinished run of this configuration on these cases
            that nobody trains now.
        output_dir: where `"auto"` looks.
        config: what is about to run, as YAML has it.
        split: the cases, as `CaseSplit.record` has them.
        network: the tensors of the network that is to be trained.

    Raises:
        ConfigError: there is no such run, it is finished, it ran with something else, another process trains it, or
            what it recorded is damaged.
        DataError: it was trained on other cases.
        OutputError: its folder cannot be written to.
    """
    if resume == NONE:
        return None
    if resume != AUTO:
        return _checked(Path(str(resume)), config, split, network)
    # By name: a run is called by the time at which it was started.
    for path in sorted((record.parent for record in output_dir.glob("*/run.json")), reverse=True):
        try:
            if not _is_finished(path, run_facts(path), config):
                return _checked(path, config, split, network)
        except (ConfigError, DataError, OutputError) as error:
            print(printable(f"resume: not {path}: {str(error).removeprefix('resume: ')}"))
    print(f"resume: no unfinished run of this configuration in {output_dir}, so a new one is started")
    return None


def _checked(
    path: Path, config: Mapping[str, Any], split: Mapping[str, Any], network: Mapping[str, torch.Tensor]
) -> Found:
    facts = run_facts(path)
    _check_configuration(path, config)
    _check_cases(path, split)
    _check_unfinished(path, facts, config)
    lock = locked(path)
    checkpoint = read_checkpoint(path)
    if checkpoint is None:
        _check_nothing_is_lost(path)
    else:
        _check_epochs(path, checkpoint, config)
        check_weights(path / LAST, checkpoint["network"], network)
    return Found(path, facts, checkpoint, lock)


def check_asked(path: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `run.json` of a run that is to be gone on with; of what is asked for, told before any data are read.

    Raises:
        ConfigError: the folder is no run, or it is finished, or ran with something else.
    """
    facts, ran = run_facts(path), read_config(path / "config.yaml")
    config = {**ran, **{key: value for key, value in asked.items() if key in ran}}
    _check_configuration(path, config)
    _check_unfinished(path, facts, config)
    return facts


def run_facts(path: Path) -> dict[str, Any]:
    """Return the `run.json` of a run; raises ConfigError where the folder is none."""
    if not os.path.isfile(path / "run.json"):  # which, unlike Path's, says no to a name that is too long
        within = sorted(record.parent for record in path.glob("*/run.json")) if os.path.isdir(path) else []
        told = f"the folder of a run, such as {within[-1]}" if within else "none, auto or the folder of a run"
        raise ConfigError(f"resume is {str(path)!r}: no run.json in it; give {told}")
    return read_record(path / "run.json", USED, KNOWN)


def _epochs_done(path: Path, facts: Mapping[str, Any]) -> int:
    with naming(path / "run.json"):
        return int(facts.get("epochs_done", facts["config"].get("epochs", 0)))


def _check_unfinished(path: Path, facts: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    if _is_finished(path, facts, config):
        raise ConfigError(
            f"resume: {path} is finished after {_epochs_done(path, facts)} epochs; ask for more with --epochs"
            + (", and for no end before them with --early_stopping 0" if facts.get("stopped_early") else "")
        )


def _check_nothing_is_lost(path: Path) -> None:
    """Raise ConfigError where a run without a checkpoint has trained an epoch after which there was one."""
    table = path / "metrics.csv"
    if table.is_file() and len(table.read_text().splitlines()) > 2:
        raise ConfigError(f"resume: {path} has results and no {LAST} to go on from; restore it, or start a new run")
    print(f"resume: {path} was interrupted before its first {LAST}, so it begins anew")


def _is_finished(path: Path, facts: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    if facts["status"] != "finished":
        return False
    if facts.get("stopped_early") and config.get("early_stopping") == facts["config"].get("early_stopping"):
        return True
    asked = config.get("epochs")
    return not isinstance(asked, int) or asked <= _epochs_done(path, facts)


def _check_configuration(path: Path, config: Mapping[str, Any]) -> None:
    """Raise ConfigError where a run was built from something else, in what both have."""
    file = path / "config.yaml"
    ran = read_config(file)
    told = (told for key in sorted(ran.keys() & config.keys() - FREE) if (told := _unlike(key, ran, config)))
    for key, was, now in told:
        raise ConfigError(
            f"resume: {path} ran with {key} {was!r:.80}, and {key} is {now!r:.80}; write --{key} {was!r:.80}, "
            "or monaiseg resume with its folder alone"
        )


def _unlike(key: str, ran: Any, now: Any, within: str = "") -> tuple[str, Any, Any] | None:
    """Return the first place below a key at which two configurations differ, and what stands there."""
    before, after, where = ran.get(key), now.get(key), f"{within}{key}"
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *after]:
            if (told := _unlike(name, before, after, f"{where}#")) is not None:
                return told
        return None
    return None if before == after else (where, before, after)


def _check_cases(path: Path, split: Mapping[str, Any]) -> None:
    """Raise DataError where a run has other cases, or has them on other sides."""
    trained = read_record(path / "split.json", {"hash": str, "train": [str], "validation": [str]})
    if any(trained[key] != split[key] for key in ("hash", "train", "validation")):
        raise DataError(
            f"resume: {path} was trained on other cases than those of --data_root and --split; give its own, or "
            "restore them"
        )


def _check_epochs(path: Path, checkpoint: Mapping[str, Any] | None, config: Mapping[str, Any]) -> None:
    """Raise ConfigError where fewer epochs are asked for than were begun, or as many of a training that was longer."""
    asked = config.get("epochs")
    if checkpoint is None or not isinstance(asked, int):
        return
    begun, planned = checkpoint["epoch"], checkpoint["max_epochs"]
    if asked < begun or (asked == begun and asked != planned):
        raise ConfigError(f"resume: {path} is in epoch {begun}, and epochs is {asked}; ask for more with --epochs")


def tell_changes(ran: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Print in which settings of the machine, and versions, a run goes on other than it ran: its figures may move."""
    for kind, keys in (("settings", COMPUTED), ("versions", now["versions"])):
        before, after = (facts.get(kind, {}) for facts in (ran, now))
        for key in keys:
            if key in before and before[key] != after[key]:
                told = f"{key} was {before[key]} and is {after[key]}"
                print(printable(f"resume: WARNING: {told}, so that figures may differ"))
