"""The blocks of the ResUNet++ (Jha et al. 2019, section III), each of use in other networks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import nn

from monaiseg.nn import Layers, Norm, PreActResidual, Stride, norm_layer
from monaiseg.plugin import build_block

GateChannels = Literal["all", "one"]
Mode = Literal["sum4", "concat3"]
RATES: dict[str, tuple[int, ...]] = {"sum4": (1, 6, 12, 18), "concat3": (6, 12, 18)}


def build_residual(
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    stride: Stride = 1,
    norm: Norm = "auto",
    bias: bool = True,
    dropout: float = 0.0,
    attention: str | None = None,
) -> nn.Module:
    """Return a pre-activated residual unit, `[B, in_channels, *spatial]` to `[B, out_channels, *spatial / stride]`.

    Args:
        stride: of the unit, a number or one an axis.
        norm: `auto` (batch in 2D, instance in 3D), `batch`, `instance`, `group` or None.
        bias: of the convolutions.
        dropout: probability after each ReLU.
        attention: name of a block of role `attention` that follows the sum; None: nothing.
    """
    unit = PreActResidual(spatial_dims, in_channels, out_channels, stride=stride, norm=norm, bias=bias, dropout=dropout)
    if attention is None:
        return unit
    after = build_block(attention, role="attention", spatial_dims=spatial_dims, channels=out_channels)
    return nn.Sequential(unit, after)


class SqueezeExcite(nn.Module):
    """Scale `x: [B, channels, *spatial]` by a weight in 0..1 a channel, found from the means of all channels.

    Args:
        ratio: of the channels to the hidden ones.
    """

    def __init__(self, *, spatial_dims: int, channels: int, ratio: int = 8) -> None:
        super().__init__()
        convolution = Conv[Conv.CONV, spatial_dims]
        hidden = max(1, channels // ratio)
        self.layers = nn.Sequential(
            convolution(channels, hidden, 1, bias=False),
            nn.ReLU(inplace=True),
            convolution(hidden, channels, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scaled `x`."""
        return x * self.layers(x.mean(tuple(range(2, x.ndim)), keepdim=True))  # type: ignore[no-any-return]


class AttentionGate(nn.Module):
    """Weigh `x: [B, x_channels, *spatial]` by what it and the finer `skip` have in common; the shape of `x` is kept.

    The weights are unbounded, as in the authors' code, or with `activation` in 0..1.

    Args:
        stride: how much finer `skip: [B, skip_channels, *(spatial * stride)]` is, a number or one an axis.
        gate_channels: `all`: a weight for each channel and place, `one`: one for all channels of a place.
        activation: `sigmoid`, or None.
        norm: `auto` (batch in 2D, instance in 3D), `batch`, `instance`, `group` or None.
        bias: of the convolutions.
    """

    def __init__(
        self,
        *,
        spatial_dims: int,
        skip_channels: int,
        x_channels: int,
        stride: Stride = 2,
        gate_channels: GateChannels = "all",
        activation: Literal["sigmoid"] | None = None,
        norm: Norm = "auto",
        bias: bool = True,
    ) -> None:
        super().__init__()
        if gate_channels not in ("all", "one"):
            raise ValueError(f"gate_channels is {gate_channels!r}; it must be all or one")
        if activation not in ("sigmoid", None):
            raise ValueError(f"the activation of the gate is {activation!r}; it must be sigmoid or None")
        convolution = Conv[Conv.CONV, spatial_dims]

        def layers(channels: int, out_channels: int, size: int = 3) -> nn.Sequential:
            return nn.Sequential(
                norm_layer(norm, spatial_dims, channels),
                nn.ReLU(),
                convolution(channels, out_channels, size, padding=size // 2, bias=bias),
            )

        self.of_skip = layers(skip_channels, x_channels)
        self.pool = Pool[Pool.MAX, spatial_dims](stride, stride)
        self.of_x = layers(x_channels, x_channels)
        self.of_both = layers(x_channels, x_channels) if gate_channels == "all" else layers(x_channels, 1, 1)
        self.activation = nn.Sigmoid() if activation else nn.Identity()

    def forward(self, skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return the weighed `x`."""
        both = self.pool(self.of_skip(skip)) + self.of_x(x)
        return x * self.activation(self.of_both(both))  # type: ignore[no-any-return]


class AtrousPyramid(nn.Module):
    """Parallel 3x3 convolutions of growing dilation: `[B, in_channels, *spatial]` to `[B, out_channels, *spatial]`.

    Warns where half of the rates or more reach over the whole map, so that their convolutions read padding beside the
    centre.

    Args:
        mode: `sum4`: the sum of four branches of convolution and norm; `concat3`: three of convolution, ReLU and norm
            joined. A 1x1 convolution follows.
        rates: the dilations, one a branch; None: 1, 6, 12, 18, or for `concat3` the last three.
        norm: `auto` (batch in 2D, instance in 3D), `batch`, `instance`, `group` or None.
        bias: of the convolutions.
    """

    def __init__(
        self,
        *,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        mode: Mode = "sum4",
        rates: Sequence[int] | None = None,
        norm: Norm = "auto",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.rates = checked_rates(mode, rates)
        self.summed = mode == "sum4"
        convolution = Conv[Conv.CONV, spatial_dims]

        def branch(rate: int) -> Layers:
            return Layers(
                convolution(in_channels, out_channels, 3, padding=rate, dilation=rate, bias=bias),
                *([] if self.summed else [nn.ReLU(inplace=True)]),
                norm_layer(norm, spatial_dims, out_channels),
            )

        self.branches = nn.ModuleList(branch(rate) for rate in self.rates)
        joined = out_channels if self.summed else len(self.rates) * out_channels
        self.join = convolution(joined, out_channels, 1, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the joined branches."""
        self._warn(x)
        if not self.summed:
            return self.join(torch.cat([branch(x) for branch in self.branches], dim=1))  # type: ignore[no-any-return]
        first, *others = self.branches
        joined = first(x)
        for branch in others:  # one by one, so that not all are in memory
            joined = joined + branch(x)
        return self.join(joined)  # type: ignore[no-any-return]

    def _warn(self, x: torch.Tensor) -> None:
        if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            return  # where sizes may be symbols, which a comparison would pin
        idle = [rate for rate in self.rates if rate >= min(x.shape[2:])]
        if 2 * len(idle) >= len(self.rates):
            size, rates = "x".join(map(str, x.shape[2:])), ", ".join(map(str, idle))
            message = f"atrous rates {rates} reach past a whole side of the {size} map and read padding there"
            warnings.warn(f"{message}; give smaller rates or larger images", stacklevel=2)


def checked_rates(mode: str, rates: Sequence[int] | None) -> tuple[int, ...]:
    """Return the rates, the paper's for None; raises `ValueError` where there is no such mode or they do not fit it."""
    if mode not in RATES:
        raise ValueError(f"the mode of the atrous pyramid is {mode!r}; it must be sum4 or concat3")
    rates = RATES[mode] if rates is None else tuple(rates)
    if len(rates) != len(RATES[mode]) or any(rate < 1 for rate in rates):
        raise ValueError(f"the atrous rates are {rates}; {mode} takes {len(RATES[mode])}, each from 1")
    return rates
