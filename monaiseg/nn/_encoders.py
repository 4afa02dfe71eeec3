"""Encoders: the plain one that networks bring themselves, or any that a plugin provides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from monaiseg.nn._init import initialise
from monaiseg.nn._padding import Stride, per_axis
from monaiseg.nn._units import MakeUnit
from monaiseg.plugin import build_encoder


class EncoderLike(Protocol):
    """What networks need of an encoder: maps `[B, out_channels[i], *spatial / strides[i]]`, finest first."""

    @property
    def out_channels(self) -> Sequence[int]: ...

    @property
    def strides(self) -> Sequence[Stride]: ...

    def __call__(self, x: torch.Tensor) -> list[torch.Tensor]: ...


class PlainEncoder(nn.Module):
    """One unit a level, each level coarser by a max-pool or, with `pool=False`, by the stride of its unit.

    Args:
        features: channels a level, finest first.
        make_unit: makes the units.
        steps: for each level but the first, how much coarser it is than the one before, a number or one an axis.
        pool: whether to max-pool.

    Attributes:
        out_channels: the channels of the maps that `forward` gives, finest first.
        strides: how much coarser each is than the image, a number or one an axis.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        features: Sequence[int],
        make_unit: MakeUnit,
        steps: Sequence[Stride] | None = None,
        pool: bool = True,
    ) -> None:
        super().__init__()
        if steps is None:
            steps = [2] * (len(features) - 1)
        if len(features) < 2:
            raise ValueError(f"features needs at least 2 levels, not {len(features)}")
        if len(steps) != len(features) - 1:
            raise ValueError(f"strides has {len(steps)} entries; {len(features)} features need {len(features) - 1}")
        make_pool = Pool[Pool.MAX, spatial_dims]
        self.units = nn.ModuleList()
        self.pools = nn.ModuleList()
        strides = [1, *(step if isinstance(step, int) else tuple(step) for step in steps)]
        for channels, width, stride in zip((in_channels, *features), features, strides, strict=False):
            self.pools.append(make_pool(stride, stride) if pool and stride != 1 else nn.Identity())
            self.units.append(make_unit(channels, width, 1 if pool else stride))
        self.out_channels = tuple(features)
        self.strides = _cumulated(steps, spatial_dims)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps of `x: [B, C, *spatial]`, finest first."""
        maps: list[torch.Tensor] = []
        for pool, unit in zip(self.pools, self.units, strict=True):
            x = unit(pool(x))
            maps.append(x)
        return maps

    def keep_levels(self, levels: int) -> None:
        """Drop all but the first `levels` levels."""
        del self.units[levels:], self.pools[levels:]
        self.out_channels, self.strides = self.out_channels[:levels], self.strides[:levels]


def _cumulated(steps: Sequence[Stride], spatial_dims: int) -> tuple[Stride, ...]:
    strides = [(1,) * spatial_dims]
    for step in steps:
        strides.append(tuple(a * b for a, b in zip(strides[-1], per_axis(step, spatial_dims), strict=True)))
    return tuple(stride[0] if len(set(stride)) == 1 else stride for stride in strides)


def steps_between(encoder: EncoderLike, spatial_dims: int) -> list[tuple[int, ...]]:
    """Return how much coarser each map is than the one before, the first than the image; one number an axis each."""
    strides = [(1,) * spatial_dims, *(per_axis(stride, spatial_dims) for stride in encoder.strides)]
    return [tuple(b // a for a, b in zip(fine, coarse, strict=True)) for fine, coarse in pairwise(strides)]


def make_encoder(
    name: str | None,
    *,
    spatial_dims: int,
    in_channels: int,
    features: Sequence[int] | None,
    strides: Sequence[Stride] | None,
    make_unit: MakeUnit,
    default_features: Sequence[int],
    pretrained: str | None,
    freeze: bool,
    encoder_options: Mapping[str, Any] | None,
) -> EncoderLike:
    """Return the encoder `name` of any plugin or, for None, a plain one with initial weights.

    Raises:
        ValueError: an option of the one kind was given for the other.
        NameNotFound, AmbiguousName, OptionError, PluginError: as `monaiseg.plugin.build_encoder`.
    """
    if name is None:
        refused = {"pretrained": pretrained, "freeze": freeze, "encoder_options": encoder_options}
        _refuse(refused, "needs an encoder; name one with encoder")
        features = default_features if features is None else features
        plain = PlainEncoder(spatial_dims, in_channels, features, make_unit, strides)
        initialise(plain)
        return plain
    _refuse({"features": features, "strides": strides}, f"is of the plain encoder; leave it out with encoder={name!r}")
    found: Any = build_encoder(
        name,
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        pretrained=pretrained,
        freeze=freeze,
        **(encoder_options or {}),
    )
    return found  # type: ignore[no-any-return]


def _refuse(options: Mapping[str, Any], why: str) -> None:
    for key, value in options.items():
        if value:
            raise ValueError(f"{key} {why}")
