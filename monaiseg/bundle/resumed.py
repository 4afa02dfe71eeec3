"""Which run a training goes on with, and whether it may: the configuration and the cases must be the run's own."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from monaiseg._files import PART
from monaiseg.bundle._records import read_record
from monaiseg.errors import ConfigError, DataError, OutputError

NONE, AUTO = "none", "auto"

FREE = (
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
)
"""Keys that may change: how long a run is, and where it is. That the data are the same is seen from the data."""

COMPUTED = ("device", "amp", "channels_last", "compile")
"""Settings that the machine decides, too."""

USED: dict[str, Any] = {"status": str, "config": {}}
"""Of `run.json`."""

LOCK = ".lock"


Found = tuple[Path, IO[bytes]]
"""The folder of a run, and the lock on it."""


def find_resumed(resume: str, output_dir: Path, config: Mapping[str, Any], split: Mapping[str, Any]) -> Found | None:
    """Return the run to go on with, locked; None where a new one is to be started.

    Args:
        resume: `"none"`, a run's folder, or `"auto"`: the newest unfinished run of this configuration on these cases
            that nobody trains now.
        output_dir: where `"auto"` looks.
        config: the plain keys that are about to run.
        split: the cases, as `CaseSplit.record` has them.

    Raises:
        ConfigError: there is no such run, it is finished, it ran with something else, or another process trains it.
        DataError: it was trained on other cases.
    """
    if resume == NONE:
        return None
    if resume == AUTO:
        return _newest_unfinished(output_dir, config, split)
    path = Path(str(resume))
    facts = run_facts(path)
    _check_same(path, facts, config, split)
    if _is_finished(facts, config):
        raise ConfigError(
            f"resume: {path} is finished after {facts['epochs_done']} epochs; ask for more with --epochs"
            + (", and for no end before them with --early_stopping 0" if facts.get("stopped_early") else "")
        )
    return path, locked(path)


def run_facts(path: Path) -> dict[str, Any]:
    """Return the `run.json` of a run; raises ConfigError where the folder is none."""
    if not (path / "run.json").is_file():
        raise ConfigError(f"resume is {str(path)!r}: no run.json in it; give none, auto or the folder of a run")
    return read_record(path / "run.json", USED)


def _newest_unfinished(output_dir: Path, config: Mapping[str, Any], split: Mapping[str, Any]) -> Found | None:
    # By name: a run is called by the time at which it was started.
    for path in sorted((record.parent for record in output_dir.glob("*/run.json")), reverse=True):
        try:
            facts = run_facts(path)
            if _is_finished(facts, config):
                continue
            _check_same(path, facts, config, split)
            return path, locked(path)
        except (ConfigError, DataError) as error:
            print(f"resume: not {path}: {str(error).removeprefix('resume: ')}")
    print(f"resume: no unfinished run of this configuration in {output_dir}, so a new one is started")
    return None


def _is_finished(facts: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    if facts.get("status") != "finished":
        return False
    if facts.get("stopped_early") and config.get("early_stopping") == facts["config"].get("early_stopping"):
        return True
    asked = config.get("epochs")
    return not isinstance(asked, int) or asked <= facts["epochs_done"]


def _check_same(path: Path, facts: Mapping[str, Any], config: Mapping[str, Any], split: Mapping[str, Any]) -> None:
    """Raise ConfigError where a run has another configuration, and DataError where it has other cases."""
    ran = facts["config"]
    for key in sorted(ran.keys() & config.keys() - set(FREE)):
        if ran[key] != config[key]:
            raise ConfigError(
                f"resume: {path} ran with {key} {ran[key]!r}, and {key} is {config[key]!r}; write --{key} {ran[key]!r} "
                f"or run its own with --config_file {path / 'config.yaml'}"
            )
    if read_record(path / "split.json", {"hash": str})["hash"] != split["hash"]:
        raise DataError(
            f"resume: {path} was trained on other cases than those of --data_root; give its own, or restore them"
        )


def check_epochs(path: Path, checkpoint: Mapping[str, Any] | None, config: Mapping[str, Any]) -> None:
    """Raise ConfigError where fewer epochs are asked for than were begun."""
    begun, asked = (checkpoint or {}).get("epoch", 0), config.get("epochs")
    if isinstance(asked, int) and asked < begun:
        raise ConfigError(f"resume: {path} is in epoch {begun}, and epochs is {asked}; ask for more with --epochs")


def tell_changes(ran: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Print in which settings of the machine, and versions, a run goes on other than it ran: its figures may move."""
    for kind, keys in (("settings", COMPUTED), ("versions", now["versions"])):
        before, after = (facts.get(kind, {}) for facts in (ran, now))
        for key in keys:
            if key in before and before[key] != after[key]:
                print(f"resume: WARNING: {key} was {before[key]} and is {after[key]}, so that figures may differ")


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
        file.close()
        raise ConfigError(f"resume: {path} is being trained by another process; wait, or stop that one") from error
    return file


def clear_parts(path: Path) -> None:
    """Remove files of a run that were not whole when it was interrupted."""
    for part in path.glob(f".*{PART}"):
        part.unlink(missing_ok=True)
