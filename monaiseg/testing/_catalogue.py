"""The list of all checks."""

from __future__ import annotations

from importlib import import_module

from monaiseg.errors import ConfigError
from monaiseg.testing._check import KINDS, REGISTERED, Check

THEMES = ("_entry", "_outputs", "_logits", "_parts", "_training", "_numerics", "_export")


def checks(kind: str = "network") -> tuple[Check, ...]:
    """Return the checks of a kind (`network`, `encoder`, `block`), in the order in which they are run."""
    if kind not in KINDS:
        raise ConfigError(f"kind is {kind!r}; it must be {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    modules = [import_module(f"monaiseg.testing.{theme}").__name__ for theme in THEMES]
    ordered = sorted(REGISTERED, key=lambda check: modules.index(check.run.__module__))
    return tuple(check for check in ordered if kind in check.kinds)
