"""Compares what a file holds with what is used of it."""

from __future__ import annotations

from typing import Any


def unlike(found: Any, wanted: Any, key: str = "") -> str | None:
    """Return in words what of a content is missing or of another type, the first such; None where all is there.

    Args:
        found: the content.
        wanted: a type, of which True and False are no whole numbers; a list of what each entry is; or what is used of
            a mapping's entries.
        key: where the content stands.
    """
    kind = type(wanted) if isinstance(wanted, dict | list) else wanted
    if not isinstance(found, kind) or (isinstance(found, bool) and kind not in (bool, object)):
        return f"its {key or 'content'} is {found!r:.40}"
    if isinstance(wanted, list) and any(unlike(entry, wanted[0]) for entry in found):
        return f"its {key or 'content'} is {found!r:.40}"
    for name, within in wanted.items() if isinstance(wanted, dict) else ():
        whole = f"{key}::{name}" if key else name
        told = f"has no {whole}" if name not in found else unlike(found[name], within, whole)
        if told:
            return told
    return None
