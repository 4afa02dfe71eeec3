"""The UNet as a plugin."""

from __future__ import annotations

from collections.abc import Iterator

from monaiseg.plugin import BlockSpec, NetworkSpec, hookimpl, usual_divisor


@hookimpl
def monaiseg_specs() -> Iterator[NetworkSpec | BlockSpec]:
    """Give the UNet and its unit."""
    yield NetworkSpec(
        name="unet",
        build="segplug_unet.network:build",
        summary="UNet: encoder and decoder with skip connections",
        spatial_dims=(2, 3),
        size_divisor=usual_divisor,
        tiny={"features": (8, 16, 32)},
        weights={
            "pytorch-nested-unet": "segplug_unet.weights:from_nested_unet",
            "segmentation-models-pytorch": "segplug_unet.weights:from_smp",
        },
        paper="Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015",
        licence="Apache-2.0",
    )
    yield BlockSpec(
        name="double_conv",
        build="monaiseg.nn:DoubleConv",
        summary="two 3x3 convolutions, each with norm and activation",
        spatial_dims=(2, 3),
        role="unit",
        licence="Apache-2.0",
    )
