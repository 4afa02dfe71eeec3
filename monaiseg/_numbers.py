"""Checks of numbers that a bundle gives; a mistake is a ConfigError of one line."""

from __future__ import annotations

import math
from typing import Any

from monaiseg.errors import ConfigError


def count(key: str, value: Any, least: int = 1, most: float = math.inf) -> int:
    """Return `value` if it is a whole number from `least` to `most`, else raise ConfigError."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        upper = "" if most == math.inf else f" to {most}"
        raise ConfigError(f"{key} is {value!r}; it must be a whole number from {least}{upper}")
    return value


def number(key: str, value: Any, most: float = math.inf) -> float:
    """Return `value` if it is a finite number from 0 to `most`, else raise ConfigError: YAML reads 1e-3 as text."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most
    if not right or not math.isfinite(value):
        upper = "" if most == math.inf else f" to {most:g}"
        hint = "; in YAML write 1.0e-3, not 1e-3" if isinstance(value, str) else ""
        raise ConfigError(f"{key} is {value!r}; it must be a number from 0{upper}{hint}")
    return float(value)
