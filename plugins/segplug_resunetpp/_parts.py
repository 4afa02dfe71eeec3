"""What the ResUNet++ is made of: blocks of any plugin where they are named, else its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from torch import nn
from torch.nn.modules.conv import _ConvNd

from monaiseg.nn import Layers, Norm, PreActResidual, Stride, per_axis, unit_maker
from monaiseg.plugin import build_block
from segplug_resunetpp.blocks import AtrousPyramid, AttentionGate, GateChannels, Mode, SqueezeExcite

SePosition = Literal["unit", "between", "none"]
SMALL_RATES = {"sum4": (1, 2, 4, 6), "concat3": (2, 4, 6)}
"""For the bridge in 3D, where a patch of 96 leaves a map of 12."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Makes the parts; attributes as the options of `segplug_resunetpp.network.build`."""

    spatial_dims: int
    unit: str | None
    attention: str | None
    gate: str | None
    context: str | None
    norm: Norm
    bias: bool | None
    dropout: float
    se_position: SePosition
    gate_channels: GateChannels
    gate_activation: Literal["sigmoid"] | None
    aspp_mode: Mode
    bridge_rates: Sequence[int] | None
    output_rates: Sequence[int] | None

    def __post_init__(self) -> None:
        """Raise `ValueError` for options that would do nothing."""
        if self.se_position not in ("unit", "between", "none"):
            raise ValueError(f"se_position is {self.se_position!r}; it must be unit, between or none")
        if self.attention is not None and self.se_position == "none":
            raise ValueError(
                f"se_position is none, which leaves no place for attention {self.attention!r}; leave it out"
            )
        own: dict[str, dict[str, object]] = {
            "gate": {"gate_channels": self.gate_channels != "all", "gate_activation": self.gate_activation},
            "context": {
                "aspp_mode": self.aspp_mode != "sum4",
                "bridge_rates": self.bridge_rates is not None,
                "output_rates": self.output_rates is not None,
            },
        }
        for role, options in own.items():
            name = getattr(self, role)
            given = [option for option, changed in options.items() if changed]
            if name is not None and given:
                raise ValueError(f"{given[0]} is of the network's own {role}; leave it out with {role}={name!r}")

    def encoder(self, in_channels: int, widths: Sequence[int], strides: Sequence[Stride]) -> list[nn.Module]:
        """Return a unit a width, all but the first with its stride."""
        units: list[nn.Module] = [self._attended(self._first_unit(in_channels, widths[0]), widths[0])]
        for (before, width), stride in zip(pairwise(widths), strides, strict=True):
            unit = self._attended(self._plain_unit(before, width, stride), width)
            if self.se_position == "between":
                unit = nn.Sequential(self._attention(before), unit)
            units.append(unit)
        return units

    def decoder_unit(self, in_channels: int, out_channels: int) -> nn.Module:
        """Return the unit of a step of the decoder."""
        return self._attended(self._plain_unit(in_channels, out_channels, 1), out_channels)

    def _attended(self, unit: nn.Module, channels: int) -> nn.Module:
        return Layers(unit, self._attention(channels)) if self.se_position == "unit" else unit

    def _plain_unit(self, in_channels: int, out_channels: int, stride: Stride) -> nn.Module:
        if self.unit is not None:
            options = {"norm": self.norm, "bias": self.bias, "dropout": self.dropout}
            return unit_maker(self.unit, self.spatial_dims, **options)(in_channels, out_channels, stride)
        return PreActResidual(
            self.spatial_dims,
            in_channels,
            out_channels,
            stride=stride,
            norm=self.norm,
            bias=self._bias,
            dropout=self.dropout,
        )

    def _first_unit(self, in_channels: int, out_channels: int) -> nn.Module:
        """Return a unit; ours is without the activation before its first convolution, which sees the image itself."""
        unit = self._plain_unit(in_channels, out_channels, 1)
        if self.unit is None and isinstance(unit, PreActResidual):
            first = next(place for place, layer in enumerate(unit.branch) if isinstance(layer, _ConvNd))
            del unit.branch[:first]
        return unit

    def _attention(self, channels: int) -> nn.Module:
        if self.attention is None:
            return SqueezeExcite(spatial_dims=self.spatial_dims, channels=channels)
        return build_block(self.attention, role="attention", spatial_dims=self.spatial_dims, channels=channels)

    def gate_of(self, skip_channels: int, x_channels: int, stride: Stride) -> nn.Module:
        """Return the gate of a map by a skip that is `stride` finer."""
        channels: dict[str, Any] = {
            "spatial_dims": self.spatial_dims,
            "skip_channels": skip_channels,
            "x_channels": x_channels,
        }
        if self.gate is not None:
            halved = set(per_axis(stride, self.spatial_dims)) == {2}
            return build_block(self.gate, role="gate", **(channels if halved else channels | {"stride": stride}))
        return AttentionGate(
            **channels,
            stride=stride,
            gate_channels=self.gate_channels,
            activation=self.gate_activation,
            norm=self.norm,
            bias=self._bias,
        )

    def bridge(self, in_channels: int, out_channels: int) -> nn.Module:
        """Return the context between encoder and decoder."""
        small = SMALL_RATES.get(self.aspp_mode) if self.spatial_dims == 3 else None
        return self._context(in_channels, out_channels, small if self.bridge_rates is None else self.bridge_rates)

    def output(self, in_channels: int, out_channels: int) -> nn.Module:
        """Return the context before the head."""
        return self._context(in_channels, out_channels, self.output_rates)

    def _context(self, in_channels: int, out_channels: int, rates: Sequence[int] | None) -> nn.Module:
        channels = {"spatial_dims": self.spatial_dims, "in_channels": in_channels, "out_channels": out_channels}
        if self.context is not None:
            return build_block(self.context, role="context", **channels)
        return AtrousPyramid(**channels, mode=self.aspp_mode, rates=rates, norm=self.norm, bias=self._bias)

    @property
    def _bias(self) -> bool:
        return self.bias is not False
