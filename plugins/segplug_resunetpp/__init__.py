"""The ResUNet++ and its blocks, as a plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from monaiseg.plugin import BlockSpec, NetworkSpec, hookimpl, usual_divisor

_PAPER = "Jha et al., ResUNet++: An Advanced Architecture for Medical Image Segmentation, ISM 2019"
_DIMS = (2, 3)
_LICENCE = "Apache-2.0"


def _divisor(options: Mapping[str, Any]) -> int:
    """Return the divisor: the last of the features, the bridge's, is at the size of the one before."""
    features = options.get("features")
    return usual_divisor({**options, "features": features[:-1] if features else None}, levels=4)


@hookimpl
def monaiseg_specs() -> Iterator[NetworkSpec | BlockSpec]:
    """Give the ResUNet++ and its blocks."""
    yield NetworkSpec(
        name="resunetpp",
        build="segplug_resunetpp.network:build",
        summary="ResUNet++: residual units with squeeze-and-excitation, attention gates and atrous pyramids",
        spatial_dims=_DIMS,
        size_divisor=_divisor,
        tiny={"features": (4, 8, 16, 24)},
        weights={"resunetplusplus": "segplug_resunetpp.weights:from_resunetplusplus"},
        paper=_PAPER,
        licence=_LICENCE,
    )
    yield BlockSpec(
        name="residual",
        build="segplug_resunetpp.blocks:build_residual",
        summary="pre-activated residual unit, with any attention after its sum",
        spatial_dims=_DIMS,
        role="unit",
        paper="He et al., Identity Mappings in Deep Residual Networks, ECCV 2016",
        licence=_LICENCE,
    )
    yield BlockSpec(
        name="squeeze_excite",
        build="segplug_resunetpp.blocks:SqueezeExcite",
        summary="attention over channels",
        spatial_dims=_DIMS,
        role="attention",
        paper="Hu et al., Squeeze-and-Excitation Networks, CVPR 2018",
        licence=_LICENCE,
    )
    yield BlockSpec(
        name="attention_gate",
        build="segplug_resunetpp.blocks:AttentionGate",
        summary="weighs the coarser map by what it and the skip have in common",
        spatial_dims=_DIMS,
        role="gate",
        paper=_PAPER,
        licence=_LICENCE,
    )
    yield BlockSpec(
        name="aspp",
        build="segplug_resunetpp.blocks:AtrousPyramid",
        summary="atrous spatial pyramid pooling: parallel convolutions of growing dilation",
        spatial_dims=_DIMS,
        role="context",
        paper="Chen et al., DeepLab, TPAMI 2018; as in " + _PAPER,
        licence=_LICENCE,
    )
