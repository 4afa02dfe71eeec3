"""`monaiseg data`: what is done with data before training; each action is a module with `add_action`."""

from __future__ import annotations

from typing import Any

from monaiseg.cli import data_augment, data_check, data_convert, data_fetch, data_split

ACTIONS = (data_fetch, data_check, data_split, data_convert, data_augment)


def add_commands(commands: Any) -> None:
    """Add the command to the parser's sub-commands."""
    data = commands.add_parser("data", help="get, check, split and convert data sets, and see them augmented")
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    for module in ACTIONS:
        module.add_action(actions)
