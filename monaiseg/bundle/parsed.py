"""Reads a bundle's file and lets MONAI find its parts, however the file is made: what is no bundle is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from monai.bundle import ConfigParser
from monai.bundle.utils import MACRO_KEY

from monaiseg.errors import ConfigError

MOST = 100_000
"""Entries of a configuration; those that ship have a few hundred."""


class BoundedParser(ConfigParser):
    """A ConfigParser that stops where macros repeat each other: a few lines can be terabytes."""

    def __init__(self, path: Path) -> None:
        super().__init__(read_config(path))
        self.path = path
        self._brought = 0

    def _do_resolve(self, config: Any, id: str = "") -> Any:
        if isinstance(config, str) and config.startswith(MACRO_KEY):
            file, _ = self.split_path_id(config[len(MACRO_KEY) :])
            if file:
                read_config(Path(file))
            brought = super()._do_resolve(config, id)
            self._brought += _entries(self.path, brought)
            if self._brought > MOST:
                raise ConfigError(f"{self.path}: has more than {MOST} entries, macros followed; mend it")
            return brought
        return super()._do_resolve(config, id)

    def find_parts(self) -> None:
        """Find the components, expressions and macros; nothing of them runs.

        Raises:
            ConfigError: an entry cannot be parsed, or is too large; of what MONAI raises the file is told as well.
        """
        try:
            self.parse()
        except ConfigError:
            raise
        except Exception as error:
            told = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(f"{self.path}: cannot be parsed ({told}); mend that entry") from error


def read_config(path: Path) -> dict[str, Any]:
    """Return the keys and values in a file, as MONAI reads it.

    Raises:
        ConfigError: it cannot be read, is no YAML, holds no keys, or is too large once its anchors are followed.
    """
    try:
        _check_merges(path)
        content: Any = ConfigParser.load_config_file(str(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{where}: is no YAML ({getattr(error, 'problem', None) or error}); mend it") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply; mend it") from error
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:  # PyYAML raises any of them
        raise ConfigError(f"{path}: cannot be read ({error}); give a YAML or JSON file") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds {type(content).__name__}, not keys and their values; give a bundle's file")
    _entries(path, content)
    return content


class _BoundedLoader(yaml.SafeLoader):
    """A SafeLoader that stops where `<<` brings too many entries into one: PyYAML makes a list of them all."""

    def flatten_mapping(self, node: Any) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MOST:
            told = f"has more than {MOST} entries, those that << brings counted"
            raise ConfigError(f"{node.start_mark.name}, line {node.start_mark.line + 1}: {told}; mend it")


def _check_merges(path: Path) -> None:
    with path.open(encoding="utf-8") as file:
        if path.suffix != ".json" and "<<" in file.read():
            file.seek(0)
            _BoundedLoader(file).get_single_data()


def _entries(path: Path, content: Any) -> int:
    """Return how many entries there are, anchors followed: such as repeat each other, or themselves, are refused."""
    waiting, seen = [content], 0
    while waiting:
        entry = waiting.pop()
        seen += 1
        if seen + len(waiting) > MOST:
            raise ConfigError(f"{path}: has more than {MOST} entries, anchors followed; mend it")
        waiting += entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ()
    return seen
