"""The configuration that is being run: MONAI hands a component its arguments, but not the whole of it."""

from __future__ import annotations

import inspect

from monai.bundle import ConfigParser


def calling_parser() -> ConfigParser | None:
    """Return the ConfigParser that is instantiating the caller, or None outside a bundle.

    MONAI builds a component from within a method of its parser, under its own command and under ours, so the parser
    is the `self` of a frame above. Reading the command line again would miss runs started from Python.
    """
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, ConfigParser):
            return owner
        frame = frame.f_back
    return None
