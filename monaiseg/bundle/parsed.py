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


def _check_merges(path: Path) -> None:
    """Raise ConfigError where `<<` brings too many entries into one: PyYAML makes a list of them all."""
    text = path.read_text()
    if "<<" not in text:
        return
    pairs: dict[int, int] = {}
    waiting: list[Any] = [yaml.compose(text, Loader=yaml.SafeLoader)]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if _pairs(node, pairs) > MOST:
            raise ConfigError(f"{path}: has more than {MOST} entries, those that << brings counted; mend it")
        waiting += node.value if isinstance(node, yaml.SequenceNode) else (value for _, value in node.value)


def _pairs(node: Any, known: dict[int, int]) -> int:
    """Return how many entries a mapping of YAML has, with those that are merged into it."""
    if not isinstance(node, yaml.MappingNode):
        return 0
    if id(node) not in known:
        known[id(node)] = 0
        for key, value in node.value:
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            is_merge = key.tag == "tag:yaml.org,2002:merge"
            known[id(node)] += sum(_pairs(one, known) for one in merged) if is_merge else 1
    return known[id(node)]


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
