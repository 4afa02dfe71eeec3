"""The folder of a run: its own, never another's; with what was run written down before it starts."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from monaiseg._files import make_folder, write_bytes, write_json
from monaiseg._registry import registry
from monaiseg.bundle._calling import calling_parser
from monaiseg.data import CaseShape, CaseSplit, tell_leaks
from monaiseg.engine.settings import Settings
from monaiseg.errors import OutputError
from monaiseg.metrics import contract

PACKAGES = ("monaiseg", "monai", "pytorch-ignite", "numpy")


class RunFolder:
    """Creates `<output_dir>/<date>-<time>-<arch>` and writes `config.yaml`, `split.json` and `run.json` into it.

    Attributes:
        path: the folder.

    Args:
        output_dir: the folder of all runs.
        arch: the network's name.
        split: the cases.
        settings: how it computes.
        network: the network, whose parameters are counted.
        shape: of the cases, as the network was built for it.
        datasets: what must have been read without error before the folder is made; of those for training and for
            validation, near duplicates in both are told.

    Raises:
        OutputError: the folder cannot be written to.
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
    ) -> None:
        self.path = _new_folder(Path(str(output_dir)), arch.replace(":", "-"))
        config = _calling_config()
        plugin = registry().find("network", arch).plugin
        write_bytes(self.path / "config.yaml", yaml.safe_dump(config, sort_keys=False).encode())
        record = split.record()
        write_json(self.path / "split.json", record)
        self.facts: dict[str, Any] = {
            "status": "started",
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "config": {key: value for key, value in config.items() if not _is_component(value)},
            "bundle": str(Path(config.get("bundle_root", ".")).resolve()),
            "versions": _versions(),
            "network": {
                "arch": arch,
                "plugin": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "parameters": sum(p.numel() for p in network.parameters()),
            },
            "settings": settings.record(),
            "shape": shape.record(),
            "data": {key: value for key, value in record.items() if key not in ("train", "validation", "file")},
            "metrics": contract(),
        }
        if len(datasets) == 2:
            self.facts["near_duplicates"] = tell_leaks(datasets[0], datasets[1], split.root)
        self.record()

    def record(self, **facts: Any) -> None:
        """Add facts to `run.json`."""
        self.facts |= facts
        write_json(self.path / "run.json", self.facts)


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
