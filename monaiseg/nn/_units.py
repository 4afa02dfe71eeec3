"""The convolution units that plain encoders and decoders are made of."""

from __future__ import annotations

import math
from typing import Any, Literal

from monai.networks.layers.factories import Conv, Dropout
from monai.networks.layers.utils import get_act_layer, get_norm_layer
from torch import nn

Norm = Literal["auto", "batch", "instance", "group"] | None
"""`"auto"`: batch norm in 2D, instance norm with affine parameters in 3D, where batches are small; `"group"`: group
norm over about eight channels each."""


def _norm_layer(norm: Norm, spatial_dims: int, channels: int) -> nn.Module:
    if norm == "auto":
        norm = "batch" if spatial_dims == 2 else "instance"
    if norm not in ("batch", "instance", "group"):
        raise ValueError(f"norm is {norm!r}; it must be auto, batch, instance, group or None")
    options: dict[str, Any] = {"affine": True}
    if norm == "group":
        options["num_groups"] = math.gcd(channels, max(1, channels // 8))
    layer: nn.Module = get_norm_layer((norm, options), spatial_dims=spatial_dims, channels=channels)
    return layer


class ConvNormAct(nn.Sequential):
    """3x3 convolution, norm, activation, dropout: `[B, in_channels, *spatial]` to `[B, out_channels, *spatial]`.

    Args:
        norm: see `Norm`; None leaves it out.
        bias: of the convolution; None: only where there is no norm to make it idle.
        act: an activation of MONAI's factory, as a name or a (name, arguments) pair.
        dropout: probability, after the activation; 0 leaves it out.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        norm: Norm = "auto",
        bias: bool | None = None,
        act: str | tuple[str, dict[str, object]] = ("relu", {"inplace": True}),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        use_bias = norm is None if bias is None else bias
        convolution = Conv[Conv.CONV, spatial_dims]
        self.conv = convolution(in_channels, out_channels, 3, stride=stride, padding=1, bias=use_bias)
        if norm is not None:
            self.norm = _norm_layer(norm, spatial_dims, out_channels)
        self.act = get_act_layer(act)
        if dropout:
            self.dropout = Dropout[Dropout.DROPOUT, spatial_dims](dropout)


class DoubleConv(nn.Sequential):
    """Two `ConvNormAct`, the first of which changes the channels (and the size, with `stride`)."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        norm: Norm = "auto",
        bias: bool | None = None,
        act: str | tuple[str, dict[str, object]] = ("relu", {"inplace": True}),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        shared = {"norm": norm, "bias": bias, "act": act, "dropout": dropout}
        self.first = ConvNormAct(spatial_dims, in_channels, out_channels, stride=stride, **shared)  # type: ignore[arg-type]
        self.second = ConvNormAct(spatial_dims, out_channels, out_channels, **shared)  # type: ignore[arg-type]


def make_head(spatial_dims: int, in_channels: int, out_channels: int, kernel_size: int = 1) -> nn.Module:
    """Return the convolution (with bias) that turns features `[B, in_channels, *spatial]` into logits."""
    convolution = Conv[Conv.CONV, spatial_dims]
    head: nn.Module = convolution(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
    return head
