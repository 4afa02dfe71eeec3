"""`monaiseg data`: what can be done with a folder of cases."""

from __future__ import annotations

from typing import Any

from monaiseg.cli import data_augment

ACTIONS = (data_augment,)


def add_commands(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    data = commands.add_parser("data", help="look at data")
    actions = data.add_subparsers(dest="action", metavar="ACTION", required=True)
    for module in ACTIONS:
        module.add_action(actions)
