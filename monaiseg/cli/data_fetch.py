"""`monaiseg data fetch NAME`: a public data set from its owners' address, checked, unpacked and ready to train on."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import progress
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from monaiseg.errors import ConfigError


def add_action(actions: Any) -> None:
    """Add the action to those of `monaiseg data`."""
    fetch = actions.add_parser("fetch", help="download a public data set: monaiseg data fetch kvasir-seg")
    fetch.add_argument("name", nargs="?", help="of the set; --list tells which there are")
    fetch.add_argument("--folder", type=Path, default=Path("data"), help="where it goes (data)")
    fetch.add_argument("--url", metavar="ADDRESS", help="of the same archive on another server, a mirror say")
    fetch.add_argument("--checksum", metavar="ALGORITHM:HEX", help="that the archive must have (what is known of it)")
    fetch.add_argument("--list", action="store_true", help="list the sets, their sizes and terms; download nothing")
    fetch.add_argument("--json", action="store_true", help="list as JSON")
    fetch.set_defaults(run=_fetch)


def _fetch(options: argparse.Namespace, _: list[str]) -> None:
    from monaiseg.data.fetching import fetch_data
    from monaiseg.data.sources import SOURCES, find_source

    if options.json and not options.list:
        raise ConfigError("--json goes with --list")
    if options.list:
        _list([asdict(source) for source in SOURCES.values()], options.json)
        return
    if options.name is None:
        raise ConfigError(f"which data set? there is {', '.join(SOURCES)}; monaiseg data fetch --list tells more")
    with _Bars() as bars:
        root = fetch_data(options.name, options.folder, url=options.url, checksum=options.checksum, watch=bars.watch)
    source = find_source(options.name)
    archive = options.folder / source.archive
    spare = f"; {archive} is not needed any more" if archive.is_file() else ""
    print(f"{source.name} lies in {root}{spare}")
    print(f"next: monaiseg train unetpp --data_root {shlex.quote(str(root))}")


def _list(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print the sets as JSON, or as a table of what one wants to know before choosing."""
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("data set", "size", "what", "terms", box=None, pad_edge=False)
    for row in rows:
        size = decimal(row["size"]) if row["size"] else "by hand" if row["by_hand"] else "?"
        table.add_row(row["name"], size, row["summary"], row["terms"])
    # In a pipe there is no terminal to fit: rows stay on one line.
    Console(markup=False, width=None if sys.stdout.isatty() else 400).print(table)


class _Bars:
    """A bar for each thing that is being done, on a terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
        )
        self._progress = progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, progress.TaskID] = {}

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def watch(self, what: str, done: int, size: int | None) -> None:
        """Draw how many bytes of how many are."""
        self._progress.start()  # not before: what is printed above the bars is wrapped as they are
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=size)
        self._progress.update(self._tasks[what], completed=done, total=size)
