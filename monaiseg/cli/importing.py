"""`monaiseg import-weights`: a file of weights from another project becomes one of ours, every weight accounted for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monaiseg.cli._common import mapping, show, table

if TYPE_CHECKING:
    from monaiseg.weights import WeightsMatch


def add_commands(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    command = commands.add_parser("import-weights", help="turn a file of weights from another project into ours")
    command.add_argument("file", type=Path, help="a state dict, or a dict that has one as state_dict")
    command.add_argument(
        "--layout", required=True, help="whose names the weights have; a wrong one is answered with those that are read"
    )
    command.add_argument("--arch", required=True, help="any of `monaiseg networks`")
    command.add_argument("--encoder", default="none", help="of the network; a layout of its own fills it alone (none)")
    command.add_argument("--options", default="{}", help="""the network's, such as "{'features': (8, 16, 32)}" ({})""")
    command.add_argument("--spatial_dims", type=int, choices=(2, 3), default=2, help="(2)")
    command.add_argument("--in_channels", type=int, default=3, help="(3)")
    command.add_argument("--out_channels", type=int, default=1, help="(1)")
    command.add_argument("--deep_supervision", action="store_true", help="with the heads that it trains")
    command.add_argument("--output", type=Path, required=True, help="the new file, such as model.pt")
    command.add_argument("--partial", action="store_true", help="write what matches over initial weights")
    command.add_argument("--json", action="store_true", help="report as JSON")
    command.set_defaults(run=_import)


def _import(options: argparse.Namespace, _: list[str]) -> None:
    from monaiseg.weights import UnmatchedWeights, import_weights, refuse_existing, save_weights

    refuse_existing(options.output)
    asked = {key: getattr(options, key) for key in ("spatial_dims", "in_channels", "out_channels", "deep_supervision")}
    asked |= {"encoder": options.encoder, "partial": options.partial, "arch_options": mapping(options.options)}
    try:
        network, match = import_weights(options.file, options.layout, options.arch, **asked)
    except UnmatchedWeights as error:
        _report(options, error.match, None)
        raise
    save_weights(network, options.output)
    _report(options, match, options.output)


def _report(options: argparse.Namespace, match: WeightsMatch, output: Path | None) -> None:
    """Print what became of each weight; all names as JSON, those that did not match as a table."""
    if options.json:
        print(json.dumps(_facts(options, match, output), indent=2))
        return
    counts = {key: len(getattr(match, key)) for key in ("matched", "missing", "unexpected", "misshapen", "untouched")}
    print(f"{options.file}, layout {options.layout}: " + ", ".join(f"{n} {key}" for key, n in counts.items()))
    if not match.complete:
        rows = table("weight", "problem", "in the file", "in the network")
        for name in match.missing:
            rows.add_row(name, "missing", "", "")
        for name in match.unexpected:
            rows.add_row(name, "unexpected", "", "")
        for name, (given, wanted) in match.misshapen.items():
            rows.add_row(name, "of another shape", str(list(given)), str(list(wanted)))
        show(rows)
    if output is not None:
        rest = "" if match.complete and not match.untouched else "; what the file does not fill is drawn from seed 0"
        load = f"network.load_state_dict(torch.load({str(output)!r}, weights_only=True))"
        how = "written" if match.complete else "written in part"
        print(f"{how} to {output}{rest}; next, in Python: {load}")


def _facts(options: argparse.Namespace, match: WeightsMatch, output: Path | None) -> dict[str, Any]:
    return {
        "file": str(options.file),
        "layout": options.layout,
        "arch": options.arch,
        "encoder": options.encoder,
        "complete": match.complete,
        "output": None if output is None else str(output),
        "matched": list(match.matched),
        "missing": list(match.missing),
        "unexpected": list(match.unexpected),
        "misshapen": {name: {"file": a, "network": b} for name, (a, b) in match.misshapen.items()},
        "untouched": list(match.untouched),
    }
