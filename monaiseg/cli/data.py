"""`monaiseg data ACTION`: what is done to data before training."""

from __future__ import annotations

from typing import Any

from monaiseg.cli import data_split


def add_commands(commands: Any) -> None:
    """Add the command and its actions to the parser's sub-commands."""
    data = commands.add_parser("data", help="look at data and split them")
    actions = data.add_subparsers(dest="action", required=True)
    for module in (data_split,):
        module.add_action(actions)
