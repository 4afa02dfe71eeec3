"""What several commands share: tables, and options that hold a Python dict."""

from __future__ import annotations

import ast
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from monaiseg.errors import ConfigError


def table(*columns: str) -> Table:
    """Return an empty table of the look that all commands have."""
    return Table(*columns, box=None, pad_edge=False)


def show(rows: Table) -> None:
    """Print a table; in a pipe, where there is no terminal to fit, a row stays on one line."""
    Console(markup=False, width=None if sys.stdout.isatty() else 400).print(rows)


def mapping(text: str) -> dict[str, Any]:
    """Return the dict that `--options` holds.

    Raises:
        ConfigError: it is not the text of a dict.
    """
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    if not isinstance(value, dict):
        raise ConfigError(f"--options is {text!r}; write a dict such as \"{{'norm': 'instance'}}\"")
    return value
