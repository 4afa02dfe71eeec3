"""The decoder of UNet 3+ (Huang et al. 2020, section 2.1): every stage sees all scales at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from monai.networks.layers.factories import Pool
from torch import nn
from torch.nn import functional as F

from monaiseg.nn import ConvNormAct, EncoderLike, Norm, Upsampled, per_axis


class FullScaleStage(nn.Module):
    """Decoder stage i: each scale brought to size i, convolved to `cat_channels`, joined, and convolved once.

    Finer scales are max-pooled encoder maps, scale i is the encoder's own map, coarser ones are what the stages below
    gave (the coarsest the encoder's last map), interpolated linearly.

    Args:
        channels: of the sources, finest first.
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: Sequence[int],
        cat_channels: int,
        norm: Norm,
        bias: bool | None,
        dropout: float,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            ConvNormAct(spatial_dims, width, cat_channels, norm=norm, bias=bias, dropout=dropout) for width in channels
        )
        width = len(channels) * cat_channels
        self.fusion = ConvNormAct(spatial_dims, width, width, norm=norm, bias=bias, dropout=dropout)

    def forward(
        self, finer: Sequence[torch.Tensor], own: torch.Tensor, coarser: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """Return D_i for the sources, finest first: encoder maps up to scale i, pooled, and maps of coarser scales."""
        sources = [*finer, own, *(Upsampled(source, tuple(own.shape[2:]), "linear") for source in coarser)]
        joined = torch.cat([branch(x) for branch, x in zip(self.branches, sources, strict=True)], dim=1)
        fused: torch.Tensor = self.fusion(joined)
        return fused


class FullScaleDecoder(nn.Module):
    """All stages, coarsest first; `forward` gives D_0, ..., D_(n-2) and the encoder's last map, finest first.

    Attributes:
        out_channels: of these maps.
    """

    def __init__(
        self, encoder: EncoderLike, spatial_dims: int, cat_channels: int, norm: Norm, bias: bool | None, dropout: float
    ) -> None:
        super().__init__()
        widths = list(encoder.out_channels)
        strides = [per_axis(stride, spatial_dims) for stride in encoder.strides]
        last = len(widths) - 1
        fused = len(widths) * cat_channels
        self.pools = nn.ModuleList()
        for fine, coarse in pairwise(strides[:-1]):
            step = tuple(b // a for a, b in zip(fine, coarse, strict=True))
            self.pools.append(Pool[Pool.MAX, spatial_dims](step, step, ceil_mode=True))
        self.stages = nn.ModuleList(
            FullScaleStage(
                spatial_dims,
                [*widths[: stage + 1], *[fused] * (last - stage - 1), widths[-1]],
                cat_channels,
                norm,
                bias,
                dropout,
            )
            for stage in range(last)
        )
        self.out_channels = [*[fused] * last, widths[-1]]

    def forward(self, encoded: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the maps for those of the encoder, finest first."""
        finer: list[list[torch.Tensor]] = [[]]  # for each stage; a map is pooled step by step, each step once
        for pool, own in zip(self.pools, encoded[: len(self.pools)], strict=True):
            finer.append([pool(x) for x in (*finer[-1], own)])
        maps = list(encoded)
        for stage in reversed(range(len(self.stages))):
            maps[stage] = self.stages[stage](finer[stage], maps[stage], maps[stage + 1 :])
        return maps


def resize_to(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Return `x` interpolated linearly to `size`, corners not aligned."""
    mode = "bilinear" if x.ndim == 4 else "trilinear"
    return x if x.shape[2:] == tuple(size) else F.interpolate(x, size=tuple(size), mode=mode, align_corners=False)
