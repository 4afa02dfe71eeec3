"""`monaiseg data check FOLDER`: what is in a data set, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monaiseg._wording import counted
from monaiseg.cli._common import mapping_or_auto, progress, show, table
from monaiseg.errors import printable

if TYPE_CHECKING:
    from monaiseg.data.checking import CaseFacts, CheckReport

SHOWN = 20
"""Faults of one kind that are printed; all are in the JSON and in the page."""


EXIT_CODES = {"clean": 0, "warning": 6, "error": 3}


def add_action(actions: Any) -> None:
    """Add `check` to the actions of `monaiseg data`."""
    command = actions.add_parser("check", help="look at every file of a data set: what is there, and what is wrong")
    command.add_argument("folder", type=Path, help="the folder, or a file that lists cases")
    command.add_argument("--layout", default="auto", help="how it is laid out (auto)")
    command.add_argument("--classes", default="auto", help="""as train takes it, such as "{'liver': 1}" (auto)""")
    command.add_argument("--html", type=Path, help="write a page with pictures of the cases to this new file")
    command.add_argument("--json", action="store_true", help="report as JSON")
    command.set_defaults(run=_check)


def _check(options: argparse.Namespace, _: list[str]) -> int:
    from monaiseg.data.checking import check_data
    from monaiseg.data.checking.page import ContactSheet

    sheet = ContactSheet(options.html) if options.html else None
    classes = mapping_or_auto(options.classes)
    with progress("cases looked at") as advance:

        def see(facts: CaseFacts) -> None:
            advance()
            if sheet is not None:
                sheet.add(facts)

        report = check_data(options.folder, options.layout, classes, see)
    if sheet is not None:
        sheet.write(report)
    if options.json:
        print(json.dumps(report.record(), indent=2))
    else:
        _print(report)
        if sheet is not None:
            print(f"pictures        {options.html}")
    return EXIT_CODES[report.worst]


def _print(report: CheckReport) -> None:
    from monaiseg.data.checking.words import summary_lines

    record = report.record()
    for note in report.found.notes:
        print(printable(note))
    print(f"{record['root']}: layout {record['layout']}, classes {report.classes or 'unclear'}")
    rows = table("what", "")
    for name, value in summary_lines(record):
        rows.add_row(name, value)
    show(rows)
    kinds: dict[str, list[str]] = {}
    for fault in report.faults:
        kinds.setdefault(f"{fault.severity}: {fault.kind}", []).append(f"  {fault.file}: {fault.message}")
    for kind, told in kinds.items():
        print(f"\n{kind} ({len(told)})")
        print("\n".join(told[:SHOWN]))
        if len(told) > SHOWN:
            print(f"  and {len(told) - SHOWN} more; --json lists all")
    errors = sum(fault.severity == "error" for fault in report.faults)
    print(f"\n{counted(errors, 'error')}, {counted(len(report.faults) - errors, 'warning')}")
