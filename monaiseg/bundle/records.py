"""Reads what a run recorded of itself, which anyone may have changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monaiseg._files import read_json
from monaiseg.errors import ConfigError, DataError

MEND = "restore it, or give another run"
RUN: dict[str, Any] = {
    "config": {"amp": object, "channels_last": object, "layout": str, "classes": object}
    | {"fold": object, "split_seed": object},
    "shape": {"spatial_dims": int, "in_channels": int, "out_channels": int},
    "settings": {"image_size": object, "spacing": object, "roi_size": object},
    "network": {"plugin": str, "distribution": object, "version": object, "arch": str},
}
SPLIT: dict[str, Any] = {
    "root": str,
    "hash": str,
    "image_files": int,
    "train": [str],
    "classes": {"kind": str, "names": [str], "keys": [list]},
}
"""What is used of `run.json` and `split.json`: a type, a list of one, or what is used of an entry."""


def read_record(path: Path, used: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record in a file.

    Raises:
        ConfigError: it cannot be read, or an entry of `used` is missing or of another type.
    """
    with naming(path):
        record = read_json(path)
        _check(path, "", record, used)
    return dict(record)


@contextmanager
def naming(path: Path, mend: str = MEND) -> Iterator[None]:
    """Let an error that what a file holds leads to be a ConfigError that names the file, and what to do."""
    try:
        yield
    except (ConfigError, DataError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        told = str(error) if str(error) else type(error).__name__
        if told.startswith(f"{path}: "):
            raise
        raise ConfigError(f"{path}: cannot be read ({told}); {mend}") from error


def _check(path: Path, key: str, found: Any, wanted: Any) -> None:
    kind = type(wanted) if isinstance(wanted, dict | list) else wanted
    if not isinstance(found, kind) or (kind is list and not all(isinstance(one, wanted[0]) for one in found)):
        raise ConfigError(f"{path}: its {key or 'content'} is {found!r:.40}; {MEND}")
    for name, within in wanted.items() if isinstance(wanted, dict) else ():
        whole = f"{key}::{name}" if key else name
        if name not in found:
            raise ConfigError(f"{path}: has no {whole}; {MEND}")
        _check(path, whole, found[name], within)
