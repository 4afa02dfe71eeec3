"""Names of cases and classes: in what order they come, and which can be names of files."""

from __future__ import annotations

import re
from itertools import cycle

from monaiseg.errors import DataError

SEPARATORS = ("/", "\\", "\0")
"""Of paths on any system, and the end of a path."""


def check_name(name: str, what: str) -> None:
    """Raise DataError if a name cannot be part of a file's name; `what` is whose it is, for the message.

    A name that starts with a dot is refused too: `..` leads out of the folder, and hidden files are not read.
    """
    if not name or name.startswith(".") or any(separator in name for separator in SEPARATORS):
        raise DataError(
            f"{what} {name!r} cannot be the name of a file; write it without /, \\ or a dot in front", "name"
        )


def natural(name: str) -> list[int | str]:
    """Return a sorting key that puts 2 before 10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if number else part for part, number in zip(parts, cycle((False, True)), strict=False)]
