"""The one hook that a plugin implements."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from monaiseg.specs import Spec

PROJECT = "monaiseg"
GROUP = "monaiseg.plugins"
"""The entry-point group in which a distribution names its plugin."""

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def monaiseg_specs() -> Iterable[Spec]:  # type: ignore[empty-body]  # pluggy reads only the signature
    """Return the networks, encoders and blocks that the plugin provides.

    Called once, when names are first looked up. It must not import torch: builders are given as
    `"module:attribute"` and are imported when somebody uses them.
    """
