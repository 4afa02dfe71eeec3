"""What the benchmarks find: rows of a table, and of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """How many times as fast one thing is as another, at the same work.

    Attributes:
        section: of the table.
        name: of what was measured; `against`: what it was measured against.
        work: such as `evaluation`; `precision` that of ours, such as `float32`.
        milliseconds: of ours.
        ratio: median of what the other took, divided by what ours took, over the rounds.
        error: between both results, relative; None: they are not the same thing or it is told in `more`.
        more: figures by name, such as the share of the machine's ceiling.
    """

    section: str
    name: str
    against: str
    work: str
    precision: str
    milliseconds: float
    ratio: float
    error: float | None = None
    more: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        quick: small inputs and few rounds, to see that all of it runs.
        device: `cpu` or `cuda`.
        data: the folder of DSB2018's stage1_train.
        rounds: that are measured.
        only: the network to measure; None: all.
    """

    quick: bool = False
    device: str = "cpu"
    data: str | None = None
    rounds: int = 3
    only: str | None = None


def table(rows: Mapping[str, Sequence[Row]]) -> str:
    """Return Markdown: a line for each thing and work, ratios by allocator, and what else was found, by precision."""
    found = {(allocator, *_key(row), row.precision): row for allocator, taken in rows.items() for row in taken}
    every = [row for taken in rows.values() for row in taken]
    precisions = list(dict.fromkeys(row.precision for row in every))
    shown = Table("what", "against", "work", *precisions, "error in float32", "besides", box=MARKDOWN)
    for key in dict.fromkeys(map(_key, every)):
        of = {p: [found[(a, *key, p)] for a in rows if (a, *key, p) in found] for p in precisions}
        ratios = (" / ".join(f"{row.ratio:.2f}" for row in of[p]) for p in precisions)
        last = [same[-1] for same in of.values() if same]
        error = "" if last[0].error is None else f"{last[0].error:.0e}" if last[0].error else "0"
        more = (f"{name} " + ", ".join(_short(row.more[name]) for row in last) for name in last[0].more)
        shown.add_row(*key[1:], *ratios, error, "; ".join(more))
    console = Console(width=200)
    with console.capture() as capture:
        console.print(shown)
    return "\n".join(line for line in capture.get().splitlines() if line.strip())


def write(path: Path, rows: Mapping[str, Sequence[Row]], machine: Mapping[str, Any]) -> None:
    """Write all rows as JSON, with what they were measured on."""
    content = {"machine": machine, "rows": {name: [asdict(row) for row in found] for name, found in rows.items()}}
    path.write_text(json.dumps(content, indent=1) + "\n")


def read(path: Path) -> tuple[dict[str, list[Row]], dict[str, Any]]:
    """Return the rows of a file, by allocator, and what they were measured on."""
    content = json.loads(path.read_text())
    return {name: [Row(**row) for row in found] for name, found in content["rows"].items()}, content["machine"]


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _key(row: Row) -> tuple[str, ...]:
    return row.section, row.name, row.against, row.work
