"""The commands that list: `plugins`, `networks`, `encoders`, `blocks`. None imports torch to list."""

from __future__ import annotations

import argparse
import os
from typing import Any

from monaiseg import __version__
from monaiseg._loading import STRICT, load_plugins
from monaiseg._registry import registry
from monaiseg.cli import costs
from monaiseg.cli._common import print_rows
from monaiseg.specs import BlockSpec, NetworkSpec


def add_commands(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    plugins = commands.add_parser("plugins", help="list the installed plugins and what became of them")
    plugins.add_argument("--json", action="store_true")
    plugins.add_argument("-v", "--verbose", action="store_true", help="show the tracebacks of those that failed")
    plugins.set_defaults(run=_plugins)
    for kind, use in (("network", "--arch takes"), ("encoder", "--encoder takes"), ("block", "networks take by name")):
        listed = commands.add_parser(f"{kind}s", help=f"list the {kind}s that {use}")
        listed.add_argument("--json", action="store_true")
        listed.set_defaults(run=_specs, kind=kind)
        if kind == "network":
            costs.add_options(listed)


def _plugins(options: argparse.Namespace, _: list[str]) -> None:
    # Not in strict mode: a broken plugin must be seen before it can be removed.
    plugins = load_plugins(__version__, {key: value for key, value in os.environ.items() if key != STRICT})
    rows = [
        {
            "plugin": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "status": plugin.status,
            "provides": [f"{spec.kind} {spec.name}" for spec in plugin.specs],
            "error": f"at {plugin.stage}: {plugin.error}" if plugin.error else "",
        }
        for plugin in plugins
    ]
    print_rows(rows, options.json)
    if options.verbose and not options.json:
        for plugin in plugins:
            if plugin.details:
                print(f"\n{plugin.label}\n{plugin.details}")


def _specs(options: argparse.Namespace, _: list[str]) -> None:
    if getattr(options, "table", False):
        print_rows(costs.cost_rows(options), options.json)
        return
    rows = []
    for entry in registry().entries(options.kind):
        spec = entry.spec
        row: dict[str, Any] = {
            spec.kind: entry.qualified if registry().is_ambiguous(entry) else spec.name,
            "plugin": entry.plugin.name,
            "distribution": f"{entry.plugin.distribution} {entry.plugin.version}",
            "spatial_dims": list(spec.spatial_dims),
        }
        if isinstance(spec, NetworkSpec):
            row["deep_supervision"] = spec.deep_supervision
        if isinstance(spec, BlockSpec):
            row["role"] = spec.role
        rows.append(row | {"summary": spec.summary})
    print_rows(rows, options.json)
