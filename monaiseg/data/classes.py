"""The classes of a data set: their names, and how label files tell them: by file, value, colour or an id an object."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from monaiseg._files import read_json
from monaiseg.errors import ConfigError, DataError, printable

Kind = Literal["masks", "values", "colours", "instances"]
COLOUR_CHANNELS = 3
BACKGROUND = "background"
BLACK = (0, 0, 0)


@dataclass(frozen=True)
class Classes:
    """The classes of a data set, one a label channel; background is none of them.

    Attributes:
        kind: `masks`: a two-valued file, or several that are merged, a class; `values`: one file, in which each class
            is one value or several; `colours`: one picture, in which each class is a colour; `instances`: one file, in
            which each object of the only class has a value of its own.
        names: a name a class.
        keys: of `values`, the values of each class; of `colours`, red, green and blue of each; of others, nothing.
        background: of `colours`, that of no class.

    Raises:
        ConfigError: a name holds control characters or the like.
    """

    kind: Kind
    names: tuple[str, ...]
    keys: tuple[tuple[int, ...], ...] = ()
    background: tuple[int, ...] = BLACK

    def __post_init__(self) -> None:
        for name in self.names:
            if printable(name) != name:
                raise ConfigError(f"class {name!r} holds what cannot be shown; rename it")

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        if not self.keys:
            return ", ".join(self.names)
        keys = ["+".join(map(str, key)) if self.kind == "values" else str(key) for key in self.keys]
        told = (name if name == key else f"{name} = {key}" for name, key in zip(self.names, keys, strict=True))
        return ", ".join(told)

    @property
    def exclusive(self) -> bool:
        """Whether a place can be of one class only: of several in one file, unless some are regions of others."""
        values = [value for key in self.keys for value in key]
        return len(self) > 1 and (self.kind == "colours" or (self.kind == "values" and len(values) == len(set(values))))

    def record(self) -> dict[str, Any]:
        """Return the classes as a split file holds them; `from_record` reads it."""
        record = {"kind": self.kind, "names": list(self.names), "keys": [list(key) for key in self.keys]}
        return record if self.background == BLACK else record | {"background": list(self.background)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Classes:
        """Return the classes that `record` wrote."""
        keys = tuple(tuple(key) for key in record["keys"])
        return cls(record["kind"], tuple(record["names"]), keys, tuple(record.get("background", BLACK)))


FOREGROUND = Classes("masks", ("foreground",))
"""One class, told by two-valued masks."""

OBJECTS = Classes("instances", ("object",))
"""One class, each object of which has an id of its own in the label file."""


def classes_of(table: str | Mapping[str, Any], source: str) -> Classes:
    """Return the classes of a table: `{"liver": 1, "tumour": [2, 3]}`, or `{"polyp": [255, 0, 0]}` for colours.

    A list of three numbers is a colour if one of them is above 31 or a number occurs twice, else a set of values. The
    background's entry is no class; a colour is that of the background instead of black.

    Args:
        table: names to a value, several values, or a colour; or the word `"instances"`, for ids of objects.
        source: what the table is, for error messages.

    Raises:
        ConfigError: the table is not of that form.
    """
    if not isinstance(table, Mapping):
        if table == OBJECTS.kind:
            return OBJECTS
        raise ConfigError(
            f"{source} is {table!r}; write auto, instances, or a table such as \"{{'liver': 1, 'tumour': 2}}\""
        )
    keys = {str(name): _key(value) for name, value in table.items() if str(name).lower() != BACKGROUND}
    if not keys or any(not key for key in keys.values()):
        raise ConfigError(
            f"{source} is {dict(table)!r}; give a value or a colour to each class, as {{'liver': 1, 'tumour': 2}} or "
            "{'polyp': [255, 0, 0]}"
        )
    colours = [_is_colour(key) for key in keys.values()]
    if any(colours) and not all(len(key) == COLOUR_CHANNELS for key in keys.values()):
        raise ConfigError(f"{source} mixes values and colours: {dict(table)!r}")
    if not any(colours):
        return Classes("values", tuple(keys), tuple(keys.values()))
    background = next((_key(value) for name, value in table.items() if str(name).lower() == BACKGROUND), (0,))
    if background == (0,):
        return Classes("colours", tuple(keys), tuple(keys.values()))
    if len(background) != COLOUR_CHANNELS or background in keys.values():
        raise ConfigError(f"{source} has no colour of its own for the background: {dict(table)!r}")
    return Classes("colours", tuple(keys), tuple(keys.values()), background)


def _key(value: Any) -> tuple[int, ...]:
    """Return the numbers of a table's entry, or nothing where it has none that can be used."""
    numbers = value if isinstance(value, list | tuple) else [value]
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers)
    return tuple(numbers) if whole else ()


def _is_colour(key: Sequence[int]) -> bool:
    return len(key) == COLOUR_CHANNELS and (max(key) > 31 or len(set(key)) < COLOUR_CHANNELS)


def classes_in_json(labels: Mapping[str, Any], source: str) -> Classes:
    """Return the classes that `labels` of a `dataset.json` names.

    The Decathlon writes values to names (`{"0": "background", "1": "anterior"}`), nnU-Net names to values or to the
    values of a region (`{"background": 0, "whole tumour": [1, 2]}`).

    Raises:
        DataError: the labels are of another form, or one is to be ignored, which training cannot do.
    """
    if all(re.fullmatch("-?[0-9]{1,9}", str(key)) for key in labels):
        labels = {str(name): int(value) for value, name in labels.items() if int(value) != 0}
    if "ignore" in labels:
        raise DataError(f"{source}: has a label 'ignore', which is not supported; write it as background")
    regions = {name: _key(value) for name, value in labels.items() if name.lower() != BACKGROUND}
    if not regions or not all(regions.values()):
        raise DataError(f"{source}: its labels cannot be read; write them as {{'background': 0, 'liver': 1}}")
    try:
        return Classes("values", tuple(regions), tuple(regions.values()))
    except ConfigError as error:
        raise DataError(f"{source}: {error}") from error


def classes_beside(root: Path) -> Classes | None:
    """Return the classes that a table in the folder names, else None.

    Tables: `classes.json` (as `classes_of` takes them), `class_dict.csv` (columns name, r, g, b) and `labelmap.txt`
    (`name:r,g,b::` a line).

    Raises:
        DataError: there is such a file, and it cannot be read.
    """
    for name, read in (("classes.json", _json), ("class_dict.csv", _class_dict), ("labelmap.txt", _labelmap)):
        path = root / name
        if path.is_file():
            try:
                return classes_of(read(path), str(path))
            except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
                raise DataError(f"{path}: cannot be read as a table of classes ({error}); mend or remove it") from error
    return None


def _json(path: Path) -> str | dict[str, Any]:
    table: str | dict[str, Any] = read_json(path)
    return table


def _class_dict(path: Path) -> dict[str, Any]:
    with path.open(newline="") as file:
        return {row["name"]: [int(row[channel]) for channel in "rgb"] for row in csv.DictReader(file)}


def _labelmap(path: Path) -> dict[str, Any]:
    lines = [line.split(":") for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {name: [int(value) for value in colour.split(",")] for name, colour, *_ in lines}
