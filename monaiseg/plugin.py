"""The door for plugin authors: all that a plugin needs to announce what it provides.

A plugin is a distribution with an entry point in the group `monaiseg.plugins`:

    [project.entry-points."monaiseg.plugins"]
    my_plugin = "my_package"

and, in `my_package/__init__.py`:

    from monaiseg.plugin import NetworkSpec, hookimpl

    @hookimpl
    def monaiseg_specs():
        yield NetworkSpec(
            name="my_net", build="my_package.net:build", summary="What it is, in a line.", spatial_dims=(2, 3)
        )
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pluggy

from monaiseg.hookspecs import PROJECT
from monaiseg.specs import BlockSpec, EncoderSpec, NetworkSpec, Role

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BlockSpec", "EncoderSpec", "NetworkSpec", "build_block", "build_encoder", "hookimpl", "usual_divisor"]

hookimpl = pluggy.HookimplMarker(PROJECT)


def build_encoder(name: str, *, spatial_dims: int, in_channels: int, **options: Any) -> nn.Module:
    """Return the encoder `name` of whichever plugin provides it.

    Raises:
        NameNotFound, AmbiguousName: no plugin has it, or several have.
        OptionError: it has no such option.
    """
    from monaiseg.build import build

    return build("encoder", name, {"spatial_dims": spatial_dims, "in_channels": in_channels, **options})


def build_block(name: str, *, role: Role | None = None, spatial_dims: int, **options: Any) -> nn.Module:
    """Return the block `name` of whichever plugin provides it; raises as `build_encoder` does.

    With a `role`, an `OptionError` if the block has another.
    """
    from monaiseg.build import build

    return build("block", name, {"spatial_dims": spatial_dims, **options}, role)


def usual_divisor(options: Mapping[str, Any], levels: int = 5) -> int:
    """Return the size divisor of a network with the usual options: `features` and `strides`, or an `encoder`.

    `levels` is the number of features where the options give none. Made to be a spec's `size_divisor`.
    """
    if options.get("encoder"):
        from monaiseg._registry import registry

        rule = registry().find("encoder", options["encoder"]).spec.size_divisor  # type: ignore[union-attr]
        return rule(options.get("encoder_options") or {}) if callable(rule) else rule
    strides = options.get("strides") or [2] * (len(options.get("features") or range(levels)) - 1)
    axes = zip(*((s,) * 3 if isinstance(s, int) else s for s in strides), strict=False)
    return math.lcm(*(math.prod(axis) for axis in axes))
