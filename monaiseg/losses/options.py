"""Checks of what a loss is told; a mistake is a ConfigError of one line."""

from __future__ import annotations

from enum import Enum
from typing import Any

from monaiseg._numbers import count, number
from monaiseg.errors import ConfigError


def share(key: str, value: Any) -> float:
    """Return a number from 0 to 1."""
    return number(key, value, most=1)


def positive(key: str, value: Any) -> float:
    """Return a number above 0."""
    if number(key, value) == 0:
        raise ConfigError(f"{key} is {value!r}; it must be a number above 0")
    return float(value)


def like(key: str, value: Any, default: Any) -> Any:
    """Return a value of the kind of its default: a switch, a whole number, a word, or a number, which may be None."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ConfigError(f"{key} is {value!r}; it must be True or False")
    elif isinstance(default, Enum):
        if value not in (words := [member.value for member in type(default)]):
            raise ConfigError(f"{key} is {value!r}; it must be {' or '.join(words)}")
    elif isinstance(default, int):
        count(key, value, least=0)
    elif value is not None or default is not None:
        number(key, value)
    return value
