"""The ResNets as a plugin of encoders."""

from __future__ import annotations

from collections.abc import Iterator

from monaiseg.plugin import EncoderSpec, hookimpl

_BLOCKS = {18: "basic", 34: "basic", 50: "bottleneck", 101: "bottleneck", 152: "bottleneck"}
_TINY = {"basic": (16, 16, 24, 32), "bottleneck": (4, 8, 16, 32)}


@hookimpl
def monaiseg_specs() -> Iterator[EncoderSpec]:
    """Give the five ResNets."""
    for depth, block in _BLOCKS.items():
        yield EncoderSpec(
            name=f"resnet{depth}",
            build=f"segplug_resnet.encoder:build_resnet{depth}",
            summary=f"ResNet-{depth} of {block} blocks, five levels, with torchvision's weights on request",
            spatial_dims=(2, 3),
            size_divisor=32,
            min_size=32,
            tiny={"widths": _TINY[block]},
            weights={"torchvision": "segplug_resnet.weights:from_torchvision"},
            paper="He et al., Deep Residual Learning for Image Recognition, CVPR 2016",
            licence="Apache-2.0; torchvision's weights: BSD-3-Clause, trained on ImageNet, which has terms of its own",
        )
