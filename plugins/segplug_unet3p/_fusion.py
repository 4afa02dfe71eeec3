"""The decoder of UNet 3+ (Huang et al. 2020, section 2.1): every stage sees all scales at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Pool
from torch import nn
from torch.nn import functional as F

from monaiseg.nn import ConvNormAct, EncoderLike, Norm, per_axis


class FullScaleStage(nn.Module):
    """Decoder stage i: each scale brought to size i, convolved to `cat_channels`, joined, and convolved once.

    Finer scales are max-pooled encoder maps, scale i is the encoder's own map, coarser ones are what the stages below
    gave (the coarsest the encoder's last map), interpolated linearly.

    Args:
        stage: i, 0 being the finest.
        channels: of the sources, finest first.
        strides: of the encoder, finest first, one number an axis.
    """

    def __init__(
        self,
        stage: int,
        channels: Sequence[int],
        strides: Sequence[tuple[int, ...]],
        cat_channels: int,
        norm: Norm,
        bias: bool | None,
        dropout: float,
    ) -> None:
        super().__init__()
        dims = len(strides[0])
        self.stage = stage
        self.pools = nn.ModuleList()
        for stride in strides[:stage]:
            ratio = tuple(coarse // fine for fine, coarse in zip(stride, strides[stage], strict=True))
            self.pools.append(Pool[Pool.MAX, dims](ratio, ratio, ceil_mode=True))
        self.branches = nn.ModuleList(
            ConvNormAct(dims, width, cat_channels, norm=norm, bias=bias, dropout=dropout) for width in channels
        )
        width = len(channels) * cat_channels
        self.fusion = ConvNormAct(dims, width, width, norm=norm, bias=bias, dropout=dropout)

    def forward(self, sources: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return D_i for the sources, finest first: encoder maps up to scale i, decoder maps of the coarser ones."""
        size = sources[self.stage].shape[2:]
        # Sliced, because torch 2.8 cannot compile a zip with strict=False.
        resized = [pool(source) for pool, source in zip(self.pools, sources[: self.stage], strict=True)]
        resized += [sources[self.stage], *(resize_to(source, size) for source in sources[self.stage + 1 :])]
        joined = torch.cat([branch(x) for branch, x in zip(self.branches, resized, strict=True)], dim=1)
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
        self.stages = nn.ModuleList(
            FullScaleStage(
                stage,
                [*widths[: stage + 1], *[fused] * (last - stage - 1), widths[-1]],
                strides,
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
        maps = list(encoded)
        for stage in reversed(range(len(self.stages))):
            maps[stage] = self.stages[stage](maps)
        return maps


def resize_to(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Return `x` interpolated linearly to `size`, corners not aligned."""
    mode = "bilinear" if x.ndim == 4 else "trilinear"
    return x if x.shape[2:] == tuple(size) else F.interpolate(x, size=tuple(size), mode=mode, align_corners=False)
