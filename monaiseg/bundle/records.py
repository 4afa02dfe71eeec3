"""Reads what a run recorded of itself, which anyone may have changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from monaiseg._entries import unlike
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


def read_record(path: Path, used: Mapping[str, Any], known: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Return the record in a file.

    Args:
        path: the file.
        used: what is used of it.
        known: what is, where it is there.

    Raises:
        ConfigError: it cannot be read, or an entry of `used` is missing, or one of either is of another type.
    """
    with naming(path):
        record = read_json(path)
        told = unlike(record, {**used, **{key: kind for key, kind in known.items() if key in record}})
        if told:
            raise ConfigError(f"{path}: {told}; {MEND}")
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
