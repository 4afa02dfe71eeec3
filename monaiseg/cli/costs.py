"""`monaiseg networks --table`: what each network costs."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from typing import Any

from rich.progress import track

from monaiseg._registry import Entry, registry
from monaiseg.errors import MonaisegError

ALL = "all"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the table to `monaiseg networks`."""
    parser.add_argument("--table", action="store_true", help="measure what each network costs for one image")
    parser.add_argument("--spatial_dims", type=int, choices=(2, 3), default=2, help="of the table (2)")
    parser.add_argument("--in_channels", type=int, default=3, help="of the table (3)")
    parser.add_argument("--size", type=int, help="of each side of the table's image (128 in 2D, 64 in 3D)")
    parser.add_argument("--encoder", help="networks with this encoder only, or with `all` of them and with none")


def cost_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row a network: its parameters, multiply-adds, memory and time for one image, and where it comes from."""
    size = options.size or (128 if options.spatial_dims == 2 else 64)
    shared = dict(
        spatial_dims=options.spatial_dims, in_channels=options.in_channels, size=(size,) * options.spatial_dims
    )
    pairs = list(_pairs(options.encoder, options.spatial_dims))
    return [_row(entry, encoder, shared) for entry, encoder in track(pairs, "measuring", transient=True)]


def _pairs(encoder: str | None, spatial_dims: int) -> Iterator[tuple[Entry, str]]:
    """Give each network that can be built in these dimensions with each encoder it shall have."""
    encoders = {None: ["none"], ALL: ["none", *(e.spec.name for e in registry().entries("encoder"))]}
    if encoder not in encoders:
        registry().find("encoder", str(encoder))
    for entry in registry().entries("network"):
        if spatial_dims not in entry.spec.spatial_dims:
            continue
        if encoder is None or _takes_encoders(entry):
            for name in sorted(encoders.get(encoder, [encoder]), key=_natural):
                yield entry, str(name)


def _natural(name: str | None) -> tuple[int, str]:
    """Sort resnet50 before resnet101, and none first."""
    return (0 if name == "none" else len(str(name)), str(name))


def _takes_encoders(entry: Entry) -> bool:
    from monaiseg.build import resolve

    return "encoder" in inspect.signature(resolve(entry)).parameters


def _row(entry: Entry, encoder: str, shared: dict[str, Any]) -> dict[str, Any]:
    from monaiseg.cost import cost_of

    spec: Any = entry.spec
    rule = spec.size_divisor
    row = {
        "network": entry.qualified if registry().is_ambiguous(entry) else spec.name,
        "encoder": encoder,
        "parameters": "",
        "GMACs": "",
        "activations MiB": "",
        "latency ms": "",
        "size divisor": rule({} if encoder == "none" else {"encoder": encoder}) if callable(rule) else rule,
        "deep supervision": spec.deep_supervision,
        "origin": f"{entry.plugin.distribution} {entry.plugin.version}",
    }
    try:
        cost = cost_of(entry.qualified, encoder=encoder, **shared)
    except (MonaisegError, RuntimeError) as error:
        return row | {"origin": f"{row['origin']}: {error}"}
    return row | {
        "parameters": cost.parameters,
        "GMACs": round(cost.gmacs, 3),
        "activations MiB": round(cost.activation_mib, 1),
        "latency ms": round(cost.latency_ms or 0.0, 1),
    }
