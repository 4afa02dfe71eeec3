"""The UNet++ as a plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from monaiseg.plugin import NetworkSpec, hookimpl


def _divisor(options: Mapping[str, Any]) -> int:
    return int(2 ** (len(options.get("features") or range(5)) - 1))


_SHARED: dict[str, Any] = dict(
    spatial_dims=(2, 3),
    size_divisor=_divisor,
    deep_supervision=True,
    tiny={"features": (8, 16, 32)},
    paper="Zhou et al., UNet++: A Nested U-Net Architecture for Medical Image Segmentation, DLMIA 2018",
    licence="Apache-2.0; the method is covered by a patent application of Arizona State University",
)


@hookimpl
def monaiseg_specs() -> Iterator[NetworkSpec]:
    """Give the UNet++ and its half-width variant."""
    yield NetworkSpec(
        name="unetpp",
        build="segplug_unetpp.network:build",
        summary="UNet++: nested, densely connected decoders that can be pruned",
        **_SHARED,
    )
    yield NetworkSpec(
        name="unetpp_half",
        build="segplug_unetpp.network:build_half",
        summary="UNet++ at half the published widths with group norm: learns fast from small batches of mixed images",
        **_SHARED,
    )
