"""The UNet++, its lighter variants, the Residual UNet++ and the blocks that came with them, as a plugin."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from monaiseg.plugin import BlockSpec, NetworkSpec, hookimpl, usual_divisor

_CBAM = "Woo et al., CBAM: Convolutional Block Attention Module, ECCV 2018"
_SHARED: dict[str, Any] = dict(
    spatial_dims=(2, 3),
    size_divisor=usual_divisor,
    deep_supervision=True,
    tiny={"features": (8, 16, 32)},
    paper="Zhou et al., UNet++: A Nested U-Net Architecture for Medical Image Segmentation, DLMIA 2018",
    licence="Apache-2.0; the method is covered by a patent application of Arizona State University",
)


@hookimpl
def monaiseg_specs() -> Iterator[NetworkSpec | BlockSpec]:
    """Give the UNet++, its lighter variants, the Residual UNet++, and their blocks."""
    yield NetworkSpec(
        name="unetpp",
        build="segplug_unetpp.network:build",
        summary="UNet++: nested, densely connected decoders that can be pruned",
        weights={
            "pytorch-nested-unet": "segplug_unetpp.weights:from_nested_unet",
            "segmentation-models-pytorch": "segplug_unetpp.weights:from_smp",
        },
        **_SHARED,
    )
    yield NetworkSpec(
        name="unetpp_half",
        build="segplug_unetpp.network:build_half",
        summary="UNet++ at half the published widths with group norm: learns fast from small batches of mixed images",
        **_SHARED,
    )
    yield NetworkSpec(
        name="unetpp_small",
        build="segplug_unetpp.network:build_small",
        summary="UNet++ of four levels at half the published widths with group norm: for small volumes",
        **(_SHARED | {"size_divisor": partial(usual_divisor, levels=4)}),
    )
    yield NetworkSpec(
        name="residual_unetpp",
        build="segplug_unetpp.network:build_residual",
        summary="Residual UNet++: the nested grid of residual units with CBAM attention, strided instead of pooled",
        **_SHARED,
    )
    yield NetworkSpec(
        name="residual_unetpp_half",
        build="segplug_unetpp.network:build_residual_half",
        summary="Residual UNet++ at half its widths with group norm, for small batches",
        **_SHARED,
    )
    yield BlockSpec(
        name="residual_cbam",
        build="segplug_unetpp.cbam:build_residual",
        summary="pre-activated residual unit whose branch ends in CBAM attention",
        spatial_dims=(2, 3),
        role="unit",
        paper=_CBAM,
        licence="Apache-2.0",
    )
    yield BlockSpec(
        name="cbam",
        build="segplug_unetpp.cbam:ConvBlockAttention",
        summary="attention over channels, then over places",
        spatial_dims=(2, 3),
        role="attention",
        paper=_CBAM,
        licence="Apache-2.0",
    )
