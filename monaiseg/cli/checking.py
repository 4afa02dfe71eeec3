"""`monaiseg check NAME`: whether a network, encoder or block keeps the contract, promise by promise."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from monaiseg.cli._common import mapping, show, table

if TYPE_CHECKING:
    from monaiseg.testing import CheckResult, Suite


def add_commands(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command = commands.add_parser("check", help="try the contract on a network, encoder or block: monaiseg check unet")
    command.add_argument("name", help="as `monaiseg networks`, `encoders` or `blocks` list it")
    command.add_argument("--kind", choices=("network", "encoder", "block"), help="where several have the name")
    command.add_argument("--spatial_dims", type=int, choices=(2, 3), help="(each that it declares)")
    command.add_argument("--encoder", help="of a network that takes one")
    command.add_argument("--options", default="{}", help="""to build it with, such as "{'norm': 'group'}" ({})""")
    command.add_argument("--only", nargs="+", default=[], metavar="CHECK", help="run these checks, as onnx or onnx-2d")
    command.add_argument("--skip", nargs="+", default=[], metavar="CHECK", help="leave these out, as compile")
    command.add_argument("--json", action="store_true", help="report as JSON")
    command.set_defaults(run=_check)


def _check(options: argparse.Namespace, _: list[str]) -> None:
    from monaiseg.testing import Suite
    from monaiseg.testing._running import require_conforming

    asked = mapping(options.options) | ({"encoder": options.encoder} if options.encoder else {})
    suite = Suite(
        options.name,
        options.kind,
        spatial_dims=options.spatial_dims,
        options=asked,
        only=options.only,
        skip=options.skip,
    )
    results = _run(suite)
    if options.json:
        print(json.dumps([_row(result) for result in results], indent=2))
    else:
        _show(suite.label, results)
    require_conforming(suite.label, results)


def _run(suite: Suite) -> list[CheckResult]:
    """Run the checks, with the name of the present one on a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[case]}"), TimeElapsedColumn()
    results = []
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(suite.label, total=len(suite.cases), case="")
        for case in suite.cases:
            progress.update(task, case=case)
            results.append(suite.result(case))
            progress.advance(task)
    return results


def _row(result: CheckResult) -> dict[str, Any]:
    return {
        "check": result.check,
        "spatial_dims": result.spatial_dims,
        "status": result.status,
        "message": result.message,
        "promise": result.promise,
        "seconds": round(result.seconds, 2),
    }


def _show(label: str, results: Sequence[CheckResult]) -> None:
    """Print a row a check, and how many ended how."""
    rows = table("check", "status", "seconds", "promise, or why not")
    for result in results:
        told = result.promise if result.status == "passed" else result.message
        rows.add_row(result.id, result.status, f"{result.seconds:.1f}", told)
    show(rows)
    counts = Counter(result.status for result in results)
    print(f"{label}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
