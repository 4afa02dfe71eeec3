"""What several commands share: tables, and options that hold a Python dict."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from monaiseg.errors import ConfigError, printable


class _Rows(Table):
    """A table whose cells do nothing to the terminal that shows them."""

    def add_row(self, *renderables: RenderableType | None, **options: Any) -> None:
        """Add a row; of texts what a terminal obeys is escaped."""
        cells = (printable(cell) if isinstance(cell, str) else cell for cell in renderables)
        super().add_row(*cells, **options)


def table(*columns: str) -> Table:
    """Return an empty table of the look that all commands have."""
    return _Rows(*columns, box=None, pad_edge=False)


def show(rows: Table) -> None:
    """Print a table; in a pipe, where there is no terminal to fit, a row stays on one line."""
    Console(markup=False, width=None if sys.stdout.isatty() else 400).print(rows)


def print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print rows as JSON, or as a table whose columns are their keys."""
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        print("none")
        return
    listed = table(*rows[0])
    for row in rows:
        listed.add_row(*(", ".join(map(str, v)) if isinstance(v, list) else str(v) for v in row.values()))
    show(listed)


@contextmanager
def progress(what: str) -> Iterator[Callable[[], None]]:
    """Give a function to call after each of things of which nobody knows how many they are; shown on a terminal."""
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description} {task.completed:.0f}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(what)
        yield lambda: shown.advance(task)


def mapping_or_auto(text: str) -> str | dict[str, Any]:
    """Return `"auto"`, `"instances"`, or the dict that `--classes` holds; raises as `mapping` does."""
    return text if text in ("auto", "instances") else mapping(text, "--classes", "{'liver': 1, 'tumour': 2}")


def mapping(text: str, flag: str = "--options", example: str = "{'norm': 'instance'}") -> dict[str, Any]:
    """Return the dict that an option of the command line holds.

    Raises:
        ConfigError: it is not the text of a dict.
    """
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    if not isinstance(value, dict):
        raise ConfigError(f'{flag} is {text!r}; write a dict such as "{example}"')
    return value
