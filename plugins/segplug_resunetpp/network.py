"""ResUNet++ (Jha et al. 2019): residual units, squeeze-and-excitation, attention gates, atrous pyramids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from monaiseg.nn import Norm, PaddedNetwork, Stride, Upsampling, initialise, joined, make_head, per_axis, upsampling
from segplug_resunetpp._parts import Parts, SePosition
from segplug_resunetpp.blocks import GateChannels, Mode

FEATURES = (16, 32, 64, 128, 256)


class GatedStep(nn.Module):
    """A step of the decoder: the coarser map is gated by the skip, up-sampled, joined with it and passed on to a unit.

    Args:
        gate: of (skip, x), to what has the shape of x.
    """

    def __init__(self, gate: nn.Module, up: nn.Module, unit: nn.Module) -> None:
        super().__init__()
        self.gate = gate
        self.up = up
        self.unit = unit

    def forward(self, skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return a map of the size of `skip`."""
        return joined(self.unit, self.up, self.gate(skip, x), after=[skip])


class ResUNetPlusPlus(PaddedNetwork):
    """Input `[B, in_channels, *spatial]`, output logits `[B, out_channels, *spatial]`.

    Args:
        encoder: the units, finest first.
        bridge: what the last of their maps passes on its way to the decoder.
        decoder: the steps back, coarsest first.
        output: what their last map passes before the head.
    """

    def __init__(
        self,
        encoder: Sequence[nn.Module],
        bridge: nn.Module,
        decoder: Sequence[nn.Module],
        output: nn.Module,
        head: nn.Module,
        size_divisor: Stride,
    ) -> None:
        super().__init__(size_divisor)
        self.encoder = nn.ModuleList(encoder)
        self.bridge = bridge
        self.decoder = nn.ModuleList(decoder)
        self.output = output
        self.head = head

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits for a divisible size."""
        maps: list[torch.Tensor] = []
        for unit in self.encoder:
            x = unit(x)
            maps.append(x)
        x = self.bridge(x)
        for step, skip in zip(self.decoder, maps[-2::-1], strict=True):
            x = step(skip, x)
        logits: torch.Tensor = self.head(self.output(x))
        return logits


def build(
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    features: Sequence[int] = FEATURES,
    strides: Sequence[Stride] | None = None,
    unit: str | None = None,
    attention: str | None = None,
    gate: str | None = None,
    context: str | None = None,
    norm: Norm = "auto",
    bias: bool | None = None,
    dropout: float = 0.0,
    se_position: SePosition = "unit",
    gate_channels: GateChannels = "all",
    gate_activation: Literal["sigmoid"] | None = None,
    aspp_mode: Mode = "sum4",
    bridge_rates: Sequence[int] | None = None,
    output_rates: Sequence[int] | None = None,
    upsample: Upsampling = "nearest",
) -> ResUNetPlusPlus:
    """Return a ResUNet++; the defaults are the authors' code.

    Args:
        features: channels of the units of the encoder, finest first, and of the bridge; the authors' experiments with
            more have 32 to 512.
        strides: for each unit of the encoder but the first, how much coarser it is, a number or one an axis.
        unit: name of a block of role `unit`; None: pre-activated residual units, after a first one without
            activation.
        attention: name of a block of role `attention`; None: squeeze-and-excitation.
        gate: name of a block of role `gate`; None: the attention gate, with the options `gate_...`.
        context: name of a block of role `context`; None: the atrous pyramid, with the options that follow.
        norm: `auto` (batch in 2D, instance in 3D), `batch`, `instance`, `group` or None; of our own blocks and the
            unit.
        bias: of the convolutions; None: with bias, or as the named unit has it.
        dropout: of the units, probability after each activation.
        se_position: where attention stands: `unit`: at the end of each unit, as in the authors' code; `between`:
            before each unit of the encoder but the first, so that skips are without and the decoder has none, as in
            the paper's figure; `none`: nowhere.
        gate_channels: `all`: the gate has a weight for each channel and place; `one`: one for all channels.
        gate_activation: `sigmoid` bounds the gate's weights; None leaves them unbounded.
        aspp_mode: `sum4`: the sum of four branches; `concat3`: three, joined.
        bridge_rates: dilations of the pyramid at the bridge; None: the paper's, 1, 6, 12, 18 or without the 1, in 2D;
            in 3D, where maps are small, 1, 2, 4, 6 or without the 1.
        output_rates: dilations of the pyramid before the head; None: the paper's.
        upsample: see `monaiseg.nn.Upsampling`.
    """
    if len(features) < 3:
        raise ValueError(f"features needs at least 3 entries, not {len(features)}")
    strides = [2] * (len(features) - 2) if strides is None else strides
    if len(strides) != len(features) - 2:
        raise ValueError(f"strides has {len(strides)} entries; {len(features)} features need {len(features) - 2}")
    parts = Parts(
        spatial_dims=spatial_dims,
        unit=unit,
        attention=attention,
        gate=gate,
        context=context,
        norm=norm,
        bias=bias,
        dropout=dropout,
        se_position=se_position,
        gate_channels=gate_channels,
        gate_activation=gate_activation,
        aspp_mode=aspp_mode,
        bridge_rates=bridge_rates,
        output_rates=output_rates,
    )
    network = ResUNetPlusPlus(
        encoder=parts.encoder(in_channels, features[:-1], strides),
        bridge=parts.bridge(features[-2], features[-1]),
        decoder=_decoder(parts, features, strides, upsample),
        output=parts.output(features[1], features[0]),
        head=make_head(spatial_dims, features[0], out_channels),
        size_divisor=_divisor(strides, spatial_dims),
    )
    initialise(network)
    return network


def _decoder(parts: Parts, features: Sequence[int], strides: Sequence[Stride], upsample: Upsampling) -> list[GatedStep]:
    """Return the steps from the bridge, as wide as the last of `features`, to the second of them, coarsest first."""
    steps = []
    x = features[-1]
    for skip, width, stride in zip(features[-3::-1], features[-2:0:-1], reversed(strides), strict=True):
        up, channels = upsampling(upsample, parts.spatial_dims, x, x, stride)
        steps.append(GatedStep(parts.gate_of(skip, x, stride), up, parts.decoder_unit(channels + skip, width)))
        x = width
    return steps


def _divisor(strides: Sequence[Stride], spatial_dims: int) -> Stride:
    axes = zip(*(per_axis(stride, spatial_dims) for stride in strides), strict=True)
    product = tuple(math.prod(axis) for axis in axes)
    return product[0] if len(set(product)) == 1 else product
