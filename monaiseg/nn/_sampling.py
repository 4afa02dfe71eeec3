"""Up-sampling by two, as decoders use it."""

from __future__ import annotations

from typing import Literal

from monai.networks.layers.factories import Conv
from torch import nn

Upsampling = Literal["deconv", "bilinear", "bilinear_aligned"]
"""`deconv` is learned and sets the channels; `bilinear` (trilinear in 3D), with corners aligned or not, keeps them."""


def upsampling(kind: Upsampling, spatial_dims: int, in_channels: int, out_channels: int) -> tuple[nn.Module, int]:
    """Return a module that doubles each side of `[B, in_channels, *spatial]`, and the channels that it gives."""
    if kind == "deconv":
        convolution = Conv[Conv.CONVTRANS, spatial_dims]
        return convolution(in_channels, out_channels, kernel_size=2, stride=2), out_channels
    if kind not in ("bilinear", "bilinear_aligned"):
        raise ValueError(f"upsample is {kind!r}; it must be deconv, bilinear or bilinear_aligned")
    mode = "bilinear" if spatial_dims == 2 else "trilinear"
    return nn.Upsample(scale_factor=2, mode=mode, align_corners=kind == "bilinear_aligned"), in_channels
