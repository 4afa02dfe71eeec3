"""The commands about bundles: `bundle list`, `bundle copy` and `bundle check`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from monaiseg.cli._common import print_rows
from monaiseg.errors import printable


def add_commands(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    bundle = commands.add_parser("bundle", help="list the shipped bundles, copy one to make it yours, or check one")
    actions = bundle.add_subparsers(dest="action", required=True)
    listed = actions.add_parser("list", help="list the shipped bundles")
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=_list)
    copied = actions.add_parser("copy", help="copy a shipped bundle to a new folder")
    copied.add_argument("name")
    copied.add_argument("folder", type=Path)
    copied.set_defaults(run=_copy)
    checked = actions.add_parser(
        "check",
        help="find mistakes in a bundle without running it, and list what it would execute",
        epilog="A bundle is code: its components are built and its expressions evaluated. What lies outside monai, "
        "torch, ignite and monaiseg is told; it is a list to read, no proof. Keys of its train.yaml, or of a single "
        "file, can be set as for a run: --epochs 2.",
    )
    checked.add_argument("bundle", help="a bundle's folder, the name of a shipped one, or one of its files")
    checked.add_argument("--json", action="store_true")
    checked.set_defaults(run=_check, takes_overrides=True)


def _list(options: argparse.Namespace, _: list[str]) -> None:
    from monaiseg.bundle.shipped import shipped_bundles

    rows = []
    for name, folder in shipped_bundles().items():
        metadata = json.loads((folder / "metadata.json").read_text())
        rows.append({"bundle": name, "task": metadata["task"], "folder": str(folder)})
    print_rows(rows, options.json)


def _copy(options: argparse.Namespace, _: list[str]) -> None:
    from monaiseg.bundle.shipped import copy_bundle

    folder = copy_bundle(options.name, options.folder)
    print(f"copied to {folder}; next: monaiseg train {folder}")


def _check(options: argparse.Namespace, rest: list[str]) -> None:
    from monaiseg.bundle.checked import check_bundle
    from monaiseg.bundle.executed import TRUSTED
    from monaiseg.cli.running import parse_overrides

    rows: list[dict[str, Any]] = [
        {"file": path.name, "key": one.key, "kind": one.kind, "text": one.text, "outside": list(one.outside)}
        for path, found in check_bundle(options.bundle, parse_overrides(rest)).items()
        for one in found
    ]
    print_rows(rows, options.json)
    if options.json:
        return
    outside = [row for row in rows if row["outside"]]
    told = f"{len(rows)} components and expressions, {len(outside)} of which name what is outside {', '.join(TRUSTED)}"
    print(f"\n{'WARNING: ' if outside else ''}{told}")
    for row in outside:
        print(printable(f"WARNING: {row['file']}: {row['key']}: {', '.join(row['outside'])}"))
