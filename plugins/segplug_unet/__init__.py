"""The UNet as a plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from monaiseg.plugin import NetworkSpec, hookimpl


def _divisor(options: Mapping[str, Any]) -> int:
    return int(2 ** (len(options.get("features") or range(5)) - 1))


@hookimpl
def monaiseg_specs() -> Iterator[NetworkSpec]:
    """Give the UNet."""
    yield NetworkSpec(
        name="unet",
        build="segplug_unet.network:build",
        summary="UNet: encoder and decoder with skip connections",
        spatial_dims=(2, 3),
        size_divisor=_divisor,
        tiny={"features": (8, 16, 32)},
        paper="Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015",
        licence="Apache-2.0",
    )
