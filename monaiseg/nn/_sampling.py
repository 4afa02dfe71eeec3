"""Up-sampling, as decoders use it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from monai.networks.layers.factories import Conv
from torch import nn

from monaiseg.nn._layers import Layers
from monaiseg.nn._padding import Stride, per_axis

Upsampling = Literal["deconv", "nearest", "bilinear", "bilinear_aligned", "nearest_conv"]
"""`deconv` is learned and sets the channels, and so does `nearest_conv` (nearest, 3x3 convolution, ReLU); `nearest`
and `bilinear` (trilinear in 3D), with corners aligned or not, keep them."""
MakeUpsampling = Callable[[int, int, Stride], tuple[nn.Module, int]]
"""(in_channels, wanted channels, factor) to an up-sampling and the channels that it gives."""


def upsampling(
    kind: Upsampling, spatial_dims: int, in_channels: int, out_channels: int, factor: Stride = 2, bias: bool = True
) -> tuple[nn.Module, int]:
    """Return a module that makes each side of `[B, in_channels, *spatial]` `factor` times as long, and its channels.

    `bias` is that of a learned one.
    """
    scale = per_axis(factor, spatial_dims)
    if kind == "deconv":
        transposed = Conv[Conv.CONVTRANS, spatial_dims]
        return transposed(in_channels, out_channels, kernel_size=scale, stride=scale, bias=bias), out_channels
    if kind == "nearest_conv":
        convolution = Conv[Conv.CONV, spatial_dims](in_channels, out_channels, 3, padding=1, bias=bias)
        return Layers(resized(scale, "nearest"), convolution, nn.ReLU(inplace=True)), out_channels
    if kind not in ("nearest", "bilinear", "bilinear_aligned"):
        raise ValueError(
            f"upsample is {kind!r}; it must be deconv, nearest, bilinear, bilinear_aligned or nearest_conv"
        )
    return resized(scale, kind), in_channels


def resized(scale: Sequence[int], kind: Literal["nearest", "bilinear", "bilinear_aligned"] = "bilinear") -> nn.Upsample:
    """Return an up-sampling without weights, with one scale an axis; it keeps the channels."""
    scale_factor = tuple(float(s) for s in scale)
    if kind == "nearest":
        return nn.Upsample(scale_factor=scale_factor, mode="nearest")
    mode = "bilinear" if len(scale) == 2 else "trilinear"
    return nn.Upsample(scale_factor=scale_factor, mode=mode, align_corners=kind == "bilinear_aligned")
