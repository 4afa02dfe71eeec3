"""The bundles that ship with monaiseg: in the wheel, or in the checkout that an editable install points to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from monaiseg.errors import ConfigError, OutputError, suggest

OVERLAY = "multi_gpu.yaml"


def _home() -> Path | None:
    package = Path(__file__).resolve().parents[1]
    return next((home for home in (package / "_bundles", package.parent / "bundles") if home.is_dir()), None)


def shipped_bundles() -> dict[str, Path]:
    """Return the folders of the shipped bundles by name."""
    home = _home()
    return {} if home is None else {path.parent.name: path.parent for path in sorted(home.glob("*/train.yaml"))}


def with_overlay(config: Path) -> list[str]:
    """Return a bundle's file and, where torchrun started this process, the one that joins it with the others."""
    home = _home() if "RANK" in os.environ else None
    return [str(config)] if home is None else [str(config), str(home / OVERLAY)]


def find_bundle(name: str) -> Path:
    """Return the folder of the bundle that `name` is (a folder with a train.yaml), or that ships under that name.

    Raises:
        ConfigError: there is none.
    """
    folder = Path(name)
    if (folder / "train.yaml").is_file():
        return folder
    shipped = shipped_bundles()
    if name not in shipped:
        what = f"{folder}: no train.yaml in it" if folder.is_dir() else f"no bundle {name!r}"
        raise ConfigError(f"{what}{suggest(name, shipped)}")
    return shipped[name]


def copy_bundle(name: str, target: Path) -> Path:
    """Copy a shipped bundle to the folder `target` and return it.

    Raises:
        ConfigError: there is no such bundle.
        OutputError: the target is there already or cannot be written.
    """
    source = find_bundle(name)
    if target.exists():
        raise OutputError(f"{target}: is there already; choose another folder")
    try:
        shutil.copytree(source, target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror})") from error
    return target
