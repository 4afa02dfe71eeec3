"""Looks at a bundle without running it: mistakes are refused, and what it would execute is listed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from monai.bundle import ConfigComponent, ConfigParser, ReferenceResolver

from monaiseg.bundle.executed import Executed, component, executed
from monaiseg.bundle.guarded import check_overrides, check_values, runnable
from monaiseg.bundle.keys import check_keys
from monaiseg.bundle.parsed import BoundedParser
from monaiseg.bundle.shipped import find_bundle
from monaiseg.errors import ConfigError, MonaisegError, suggest

SUFFIXES = (".yaml", ".yml", ".json")
EXAMPLE = '"training: [$@train::trainer.run()]"'


def check_bundle(bundle: str, overrides: Mapping[str, Any] | None = None) -> dict[Path, list[Executed]]:
    """Return what each configuration of a bundle would execute, as `check_file` does.

    Args:
        bundle: its folder, the name of a shipped one, or one of its files.
        overrides: of keys of the folder's `train.yaml`, or of the file.

    Raises:
        ConfigError: there is no such bundle, or as `check_file` does; the message names the file.
    """
    single = Path(bundle)
    files = [single] if single.is_file() else _configurations(find_bundle(bundle))
    found = {}
    for path in files:
        try:
            found[path] = check_file(path, overrides if path == single or path.name == "train.yaml" else None)
        except MonaisegError as error:
            raise type(error)(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from error
    return found


def _configurations(folder: Path) -> list[Path]:
    """Return the files of a bundle that MONAI could run."""
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.name != "metadata.json")


def check_file(path: Path, overrides: Mapping[str, Any] | None = None) -> list[Executed]:
    """Return what a configuration would execute; it is parsed, and nothing of it is built.

    Args:
        path: the file.
        overrides: of its keys.

    Raises:
        MonaisegError: a key of a training cannot be used, as `check_keys` has it.
        ConfigError: the file cannot be read, an override or a reference matches nothing, a value was read as text where
            something else was meant, or a component does not exist or takes no such argument.
    """
    parser = BoundedParser(path)
    default = ConfigParser(deepcopy(parser.get()))
    check_overrides(default, overrides or {})
    parser.update(dict(overrides or {}))
    check_values(default.get(), parser.get())
    parser.find_parts()
    found = list(executed(parser.get()))  # with what macros bring from other files
    items = parser.ref_resolver.items
    for key, item in items.items():
        check_references(key, item.get_config(), items)
        if isinstance(item, ConfigComponent):
            check_arguments(key, item.get_config())
    if "arch" in parser:
        check_keys(parser.get())
        if not runnable(parser):
            raise ConfigError(f"{path}: nothing in it can be run; give it a list such as {EXAMPLE}")
    return found


def check_references(key: str, config: Any, known: Mapping[str, Any]) -> None:
    """Raise ConfigError for a reference `@...` of this entry that matches nothing."""
    for name in ReferenceResolver.find_refs_in_config(config, key):
        if name not in known:
            raise ConfigError(f"{key}: @{name} matches nothing in the bundle{suggest(name, list(known))}")


def check_arguments(key: str, config: Mapping[str, Any]) -> None:
    """Raise ConfigError for an argument that a component does not take, or one that it needs and is not given."""
    target = config["_target_"]
    found = component(key, target) if isinstance(target, str) and not target.startswith("$") else None
    try:
        takes = inspect.signature(found).parameters.values() if callable(found) else ()
    except ValueError:  # of a compiled function
        return
    if not callable(found) or any(one.kind is one.VAR_POSITIONAL for one in takes):
        return
    given = [str(name) for name in config if name not in ConfigComponent.non_arg_keys]
    names = [one.name for one in takes if one.kind is not one.VAR_KEYWORD]
    for name in given:
        if name not in names and all(one.kind is not one.VAR_KEYWORD for one in takes):
            raise ConfigError(f"{key}: {target} takes no {name!r}{suggest(name, names)}")
    needed = [one.name for one in takes if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
    missing = [name for name in needed if name not in given]
    if missing and config.get("_mode_", "default") == "default":
        raise ConfigError(f"{key}: {target} needs {missing[0]!r}; give it")
