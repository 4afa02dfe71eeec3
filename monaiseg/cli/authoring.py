"""`monaiseg plugin new`: a plugin to start from, which installs, passes the checks and trains as it is."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from packaging.version import Version

from monaiseg import __version__
from monaiseg._files import make_folder, write_bytes
from monaiseg._registry import registry
from monaiseg.errors import ConfigError, OutputError

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TEMPLATES = Path(__file__).resolve().parents[1] / "_templates" / "plugin"
_SUFFIX = ".tmpl"


def add_commands(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    plugin = commands.add_parser("plugin", help="write a plugin of your own")
    actions = plugin.add_subparsers(dest="action", required=True)
    new = actions.add_parser("new", help="write a package with a network to start from: monaiseg plugin new my_net")
    new.add_argument("name", help="of the network, as --arch will take it")
    new.add_argument("--folder", type=Path, help="a new folder (default: segplug-NAME)")
    new.set_defaults(run=_new)


def _new(options: argparse.Namespace, _: list[str]) -> None:
    folder = write_plugin(options.name, options.folder)
    print(f"written to {folder}; next: pip install -e {folder} && monaiseg check {options.name}")


def write_plugin(name: str, folder: Path | None = None) -> Path:
    """Write a package that provides the network `name` to a new folder, by default `segplug-NAME`, and return it.

    Raises:
        ConfigError: the name is malformed, or taken.
        OutputError: the folder is there already or cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"name {name!r}: write lower-case letters, digits and single underscores, a letter first")
    _check_free(name)
    words = _words(name)
    folder = Path(words["distribution"]) if folder is None else folder
    if folder.exists() or folder.is_symlink():
        raise OutputError(f"{folder}: is there already; choose another --folder")
    for path, text in _filled(words):
        make_folder((folder / path).parent)
        write_bytes(folder / path, text.encode())
    return folder


def _check_free(name: str) -> None:
    """Refuse a name that somebody has: two plugins of one name are both left out, two networks need longer names."""
    for plugin in registry().plugins:
        if plugin.name == name:
            raise ConfigError(f"name {name!r} is taken: plugin {plugin.label} is installed; choose another")
    for entry in registry().entries("network"):
        if entry.spec.name == name:
            raise ConfigError(f"name {name!r} is taken: plugin {entry.plugin.label} provides it; choose another")
    package = _words(name)["package"]
    found = find_spec(package)
    if found is not None:
        place = found.origin or next(iter(found.submodule_search_locations or ()), "")
        raise ConfigError(f"name {name!r} is taken: the package {package} is at {place}; choose another")


def _words(name: str) -> dict[str, str]:
    """Return what the templates leave open."""
    return {
        "name": name,
        "package": f"segplug_{name}",
        "distribution": f"segplug-{name.replace('_', '-')}",
        "class_name": "".join(part.capitalize() for part in name.split("_")),
        "version": Version(__version__).public,
    }


def _filled(words: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Give each file of the plugin, by its path in the plugin's folder."""
    for template in sorted(_TEMPLATES.rglob(f"*{_SUFFIX}")):
        path = str(template.relative_to(_TEMPLATES)).removesuffix(_SUFFIX)
        yield Path(path.replace("NAME", words["name"])), Template(template.read_text()).substitute(words)
