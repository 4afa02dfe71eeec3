"""Names of cases and classes that become names of files: none may lead out of the folder that is written to."""

from __future__ import annotations

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
