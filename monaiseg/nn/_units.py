"""The units that encoders and decoders are made of, and how networks come by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.networks.layers.factories import Conv, Dropout
from monai.networks.layers.utils import get_act_layer
from torch import nn

from monaiseg.nn._apart import norms_are_apart
from monaiseg.nn._as_made import takes_upsampled, wants_upsampled
from monaiseg.nn._layers import Layers
from monaiseg.nn._norms import Norm, norm_layer
from monaiseg.nn._padding import Stride, per_axis
from monaiseg.nn._upsampled import Upsampled
from monaiseg.plugin import build_block

Act = str | tuple[str, dict[str, object]]
"""An activation of MONAI's factory, as a name or a (name, arguments) pair."""
MakeUnit = Callable[[int, int, Stride], nn.Module]
"""(in_channels, out_channels, stride) to a unit."""

RELU: Act = ("relu", {"inplace": True})


class ConvNormAct(Layers):
    """3x3 convolution, norm, activation, dropout: `[B, in_channels, *spatial]` to `[B, out_channels, *spatial]`.

    Args:
        norm: see `Norm`; None leaves it out.
        bias: of the convolution; None: only where there is no norm to make it idle.
        act: see `Act`.
        dropout: probability, after the activation; 0 leaves it out.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        stride: Stride = 1,
        norm: Norm = "auto",
        bias: bool | None = None,
        act: Act = RELU,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        use_bias = norm is None if bias is None else bias
        convolution = Conv[Conv.CONV, spatial_dims]
        self.conv = convolution(in_channels, out_channels, 3, stride=stride, padding=1, bias=use_bias)
        if norm is not None:
            self.norm = norm_layer(norm, spatial_dims, out_channels)
        self.act = get_act_layer(act)
        if dropout:
            self.dropout = Dropout[Dropout.DROPOUT, spatial_dims](dropout)


class DoubleConv(Layers):
    """Two `ConvNormAct`, the first of which changes the channels (and the size, with `stride`)."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        stride: Stride = 1,
        norm: Norm = "auto",
        bias: bool | None = None,
        act: Act = RELU,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.first = ConvNormAct(
            spatial_dims, in_channels, out_channels, stride=stride, norm=norm, bias=bias, act=act, dropout=dropout
        )
        self.second = ConvNormAct(
            spatial_dims, out_channels, out_channels, norm=norm, bias=bias, act=act, dropout=dropout
        )


class PreActResidual(nn.Module):
    """Pre-activated residual unit (He et al., Identity Mappings, 2016): `branch(x) + shortcut(x)`, nothing after it.

    The branch is norm, ReLU, 3x3 convolution with the stride, norm, ReLU, 3x3 convolution and then `attention`; the
    shortcut a 1x1 convolution with the stride and a norm. `[B, in_channels, *spatial]` to
    `[B, out_channels, *spatial / stride]`.

    Args:
        norm: see `Norm`.
        bias: of the convolutions.
        dropout: probability, after each ReLU.
        attention: a module that keeps the shape of the branch; None: nothing.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        stride: Stride = 1,
        norm: Norm = "auto",
        bias: bool = True,
        dropout: float = 0.0,
        attention: nn.Module | None = None,
    ) -> None:
        super().__init__()
        convolution = Conv[Conv.CONV, spatial_dims]

        def normed(channels: int) -> list[nn.Module]:
            drop = [Dropout[Dropout.DROPOUT, spatial_dims](dropout)] if dropout else []
            # After a norm there is a map of our own; without one this would overwrite what others still need.
            act = get_act_layer(("relu", {"inplace": norm is not None}))
            return [norm_layer(norm, spatial_dims, channels), act, *drop]

        self.branch = Layers(
            *normed(in_channels),
            convolution(in_channels, out_channels, 3, stride=stride, padding=1, bias=bias),
            *normed(out_channels),
            convolution(out_channels, out_channels, 3, padding=1, bias=bias),
        )
        self.attention = nn.Identity() if attention is None else attention
        self.shortcut = Layers(
            convolution(in_channels, out_channels, 1, bias=bias),
            norm_layer(norm, spatial_dims, out_channels),
        )
        # The convolution strides by leaving places out: oneDNN writes past its memory in the backward pass of a strided
        # 1x1 convolution of less than 16 channels in channels-last (uxlfoundation/oneDNN#6035).
        self.stride = per_axis(stride, spatial_dims)

    @takes_upsampled
    def forward(self, x: torch.Tensor | Upsampled) -> torch.Tensor:
        """Return the sum of branch and shortcut."""
        parts = wants_upsampled(self.branch) and wants_upsampled(self.shortcut) and set(self.stride) == {1}
        if isinstance(x, Upsampled) and not (parts and norms_are_apart(x)):
            x = x.whole()  # once, for both
        return self.attention(self.branch(x)) + self.shortcut(self._strided(x))  # type: ignore[no-any-return]

    def _strided(self, x: torch.Tensor | Upsampled) -> torch.Tensor | Upsampled:
        if isinstance(x, Upsampled):
            return x
        return x[tuple(slice(None, None, step) for step in (1, 1, *self.stride))]


def unit_maker(unit: str | None, spatial_dims: int, **options: Any) -> MakeUnit:
    """Return what makes the units of a network: blocks of role `unit` by that name, or `DoubleConv` for None.

    Of `options` (norm, bias, dropout) a named unit is given those that are not at their default, so that a unit which
    does not know one refuses it only if somebody asks for it.
    """
    if unit is None:
        return lambda a, b, stride: DoubleConv(spatial_dims, a, b, stride=stride, **options)
    asked = {key: value for key, value in options.items() if value != UNIT_DEFAULTS[key]}

    def make(in_channels: int, out_channels: int, stride: Stride) -> nn.Module:
        return build_block(
            unit,
            role="unit",
            spatial_dims=spatial_dims,
            in_channels=in_channels,
            out_channels=out_channels,
            stride=stride,
            **asked,
        )

    return make


UNIT_DEFAULTS: Mapping[str, Any] = {"norm": "auto", "bias": None, "dropout": 0.0}


def make_head(
    spatial_dims: int, in_channels: int, out_channels: int, kernel_size: int = 1, bias: bool = True
) -> nn.Module:
    """Return the convolution that turns features `[B, in_channels, *spatial]` into logits."""
    convolution = Conv[Conv.CONV, spatial_dims]
    head: nn.Module = convolution(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias)
    return head
