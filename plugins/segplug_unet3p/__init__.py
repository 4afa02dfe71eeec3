"""The UNet 3+, its classification-guided variant and a small one, as a plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monaiseg.plugin import NetworkSpec, hookimpl, usual_divisor

_SHARED: dict[str, Any] = dict(
    spatial_dims=(2, 3),
    size_divisor=usual_divisor,
    deep_supervision=True,
    tiny={"features": (8, 16, 32), "cat_channels": 8},
    paper="Huang et al., UNet 3+: A Full-Scale Connected UNet for Medical Image Segmentation, ICASSP 2020",
    licence="Apache-2.0",
    weights={"unet-version": "segplug_unet3p.weights:from_unet_version"},
)


@hookimpl
def monaiseg_specs() -> Iterator[NetworkSpec]:
    """Give the UNet 3+ and its variants."""
    yield NetworkSpec(
        name="unet3p",
        build="segplug_unet3p.network:build",
        summary="UNet 3+: every decoder stage joins all scales of the encoder and the stages below",
        **_SHARED,
    )
    yield NetworkSpec(
        name="unet3p_small",
        build="segplug_unet3p.network:build_small",
        summary="UNet 3+ at a quarter of its widths with group norm: a sixteenth of the parameters",
        **_SHARED,
    )
    yield NetworkSpec(
        name="unet3p_cgm",
        build="segplug_unet3p.network:build_guided",
        summary="UNet 3+ guided by a branch that tells whether there is anything to segment",
        auxiliary=("presence",),
        **_SHARED,
    )
