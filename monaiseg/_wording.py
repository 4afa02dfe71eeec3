"""Words of messages."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return `1 case` or `2 cases`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
