"""The folder of a run: its own, never another's; with what was run written down before it starts."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from monaiseg._files import make_folder, write_bytes, write_json
from monaiseg._ranks import from_writer, is_writer, refuse_unjoined
from monaiseg._registry import registry
from monaiseg._wording import counted
from monaiseg.bundle._calling import calling_parser
from monaiseg.bundle._lock import clear_parts, locked
from monaiseg.bundle.resumed import NONE, Found, find_resumed, tell_changes
from monaiseg.data import CaseShape, CaseSplit, tell_leaks
from monaiseg.engine.settings import Settings
from monaiseg.errors import OutputError
from monaiseg.metrics import contract

PACKAGES = ("monaiseg", "monai", "pytorch-ignite", "numpy")


class RunFolder:
    """Creates `<output_dir>/<date>-<time>-<arch>` and writes `config.yaml`, `split.json` and `run.json` into it.

    Or goes on in the folder of a run that is resumed. It is locked as long as this object lives.

    Attributes:
        path: the folder.
        checkpoint: the state to go on with; None in a new folder.
        notes: lines for the report at the end: how many cases were left out.

    Of several processes that train one network the first alone writes; the others know its path and state.

    Args:
        output_dir: the folder of all runs.
        arch: the network's name.
        split: the cases.
        settings: how it computes.
        network: the network, whose parameters are counted.
        shape: of the cases, as the network was built for it.
        datasets: what must have been read without error before the folder is made; of those for training and for
            validation, near duplicates in both are told.
        resume: `"none"`, or what `find_resumed` takes: the run whose folder is gone on with.

    Raises:
        OutputError: the folder cannot be written to.
        ConfigError, DataError: the run cannot be gone on with.
        ConfigError: torchrun has started several processes that know nothing of each other.
    """

    def __init__(
        self,
        output_dir: str,
        arch: str,
        split: CaseSplit,
        settings: Settings,
        network: nn.Module,
        shape: CaseShape,
        datasets: Sequence[Any] = (),
        resume: str = NONE,
    ) -> None:
        refuse_unjoined()
        self.path = Path()
        self.facts: dict[str, Any] = {}
        self.checkpoint: dict[str, Any] | None = None
        left_out = split.origin.get("left_out", {})
        self.notes = [f"left out        {counted(len(left_out), 'case')} that cannot be read"] if left_out else []
        if is_writer():
            self._open(Path(str(output_dir)), arch, split, settings, network, shape, datasets, resume)
        self.path, self.checkpoint = from_writer((self.path, self.checkpoint))

    def _open(
        self,
        output_dir: Path,
        arch: str,
        split: CaseSplit,
        settings: Settings,
        network: nn.Module,
        shape: CaseShape,
        datasets: Sequence[Any],
        resume: str,
    ) -> None:
        whole, record = _calling_config(), split.record()
        config = {key: value for key, value in whole.items() if not _is_component(value)}
        facts = {
            "status": "started",
            "config": config,
            "bundle": str(Path(whole.get("bundle_root", ".")).resolve()),
            "folder": str(Path.cwd()),
            "versions": _versions(),
            "settings": settings.record(),
        }
        facts = json.loads(json.dumps(facts))  # as they are read back: lists for tuples
        content = yaml.safe_dump(whole, sort_keys=False)
        found = find_resumed(resume, output_dir, yaml.safe_load(content), record, network.state_dict())
        if found is None:
            self.path = _new_folder(output_dir, arch.replace(":", "-"))
            self._lock = locked(self.path)
            self.facts = facts | _made_of(arch, network, shape, record, datasets, split)
        else:
            self._resume(found, facts)
        write_json(self.path / "split.json", record)  # of a resumed run the same cases, wherever they lie now
        write_bytes(self.path / "config.yaml", content.encode())
        self.record()

    def _resume(self, found: Found, facts: dict[str, Any]) -> None:
        self.path, self.checkpoint, self._lock = found.path, found.checkpoint, found.lock
        clear_parts(self.path)
        tell_changes(found.facts, facts)
        at = 0 if self.checkpoint is None else self.checkpoint["iteration"]
        resumed = {"time": _now(), "step": at, "versions": facts["versions"], "settings": facts["settings"]}
        before = {"resumed": [*found.facts.get("resumed", []), resumed], "bundle": found.facts["bundle"]}
        self.facts = found.facts | facts | before

    def record(self, **facts: Any) -> None:
        """Add facts to `run.json`."""
        self.facts |= facts
        if is_writer():
            write_json(self.path / "run.json", self.facts)


def _made_of(
    arch: str,
    network: nn.Module,
    shape: CaseShape,
    record: Mapping[str, Any],
    datasets: Sequence[Any],
    split: CaseSplit,
) -> dict[str, Any]:
    """Return what does not change when a run is resumed."""
    plugin = registry().find("network", arch).plugin
    facts = {
        "started": _now(),
        "network": {
            "arch": arch,
            "plugin": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "parameters": sum(p.numel() for p in network.parameters()),
        },
        "shape": shape.record(),
        "data": {key: value for key, value in record.items() if key not in ("train", "validation", "file")},
        "metrics": contract(),
    }
    leaks = {"near_duplicates": tell_leaks(datasets[0], datasets[1], split.root)} if len(datasets) == 2 else {}
    return facts | leaks


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _calling_config() -> dict[str, Any]:
    """Return the configuration as it runs, overrides in it, metadata left out."""
    parser = calling_parser()
    config = dict(parser.get()) if parser is not None else {}
    config.pop("_meta_", None)
    return config


def _is_component(value: Any) -> bool:
    """Tell whether a top-level entry is a section rather than a plain key."""
    if isinstance(value, dict):
        return "_target_" in value or any(_is_component(entry) for entry in value.values())
    if isinstance(value, list):
        return any(_is_component(entry) for entry in value)
    return isinstance(value, str) and value.startswith(("$", "@"))


def _versions() -> dict[str, str]:
    # torch's own word says which build it is (2.8.0+cu128); its distribution is called 2.8.0 on PyPI.
    packages = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "torch": str(torch.__version__), **packages}


def _new_folder(output_dir: Path, arch: str) -> Path:
    make_folder(output_dir, "--output_dir")
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        path = output_dir / f"{stamp}-{arch}{suffix}"
        try:
            path.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(f"{path}: cannot be created ({error.strerror}); choose another --output_dir") from error
        return path
    raise OutputError(f"{output_dir}: too many runs started in one second")
