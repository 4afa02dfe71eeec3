"""UNet (Ronneberger et al. 2015) with padded convolutions, so that logits have the size of the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from monaiseg.nn import DoubleConv, Norm, PaddedNetwork, Upsampling, initialise, make_head, upsampling

FEATURES = {2: (64, 128, 256, 512, 1024), 3: (32, 64, 128, 256, 512)}


class EncoderDecoder(PaddedNetwork):
    """The UNet: `len(features)` levels, halved by max-pooling, joined to the decoder by concatenation.

    Input `[B, in_channels, *spatial]`, output logits `[B, out_channels, *spatial]`.
    """

    def __init__(
        self,
        *,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        features: Sequence[int],
        norm: Norm,
        bias: bool | None,
        upsample: Upsampling,
        dropout: float,
    ) -> None:
        super().__init__(size_divisor=2 ** (len(features) - 1))

        def unit(a: int, b: int) -> DoubleConv:
            return DoubleConv(spatial_dims, a, b, norm=norm, bias=bias, dropout=dropout)

        self.pool = Pool[Pool.MAX, spatial_dims](2)
        self.encoder = nn.ModuleList(unit(a, b) for a, b in zip((in_channels, *features), features, strict=False))
        self.upsample = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for deep, width in zip(features[:0:-1], features[-2::-1], strict=True):
            up, up_channels = upsampling(upsample, spatial_dims, deep, width)
            self.upsample.append(up)
            self.decoder.append(unit(up_channels + width, width))
        self.head = make_head(spatial_dims, features[0], out_channels)
        initialise(self)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits for a divisible size."""
        skips: list[torch.Tensor] = []
        for unit in self.encoder:
            x = unit(self.pool(x) if skips else x)
            skips.append(x)
        skips.pop()
        for up, unit in zip(self.upsample, self.decoder, strict=True):
            x = unit(torch.cat([up(x), skips.pop()], dim=1))
        logits: torch.Tensor = self.head(x)
        return logits


def build(
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    features: Sequence[int] | None = None,
    norm: Norm = "auto",
    bias: bool | None = None,
    upsample: Upsampling = "deconv",
    dropout: float = 0.0,
) -> EncoderDecoder:
    """Return a UNet.

    Args:
        features: channels a level, finest first; by default 64 to 1024 in 2D and 32 to 512 in 3D.
        norm: `auto` (batch in 2D, instance in 3D), `batch`, `instance`, `group` or None.
        bias: of the convolutions; None: only without norm.
        upsample: `deconv`, `bilinear` or `bilinear_aligned`.
        dropout: probability after each activation.
    """
    features = FEATURES[spatial_dims] if features is None else tuple(features)
    if len(features) < 2:
        raise ValueError(f"features needs at least 2 levels, not {len(features)}")
    return EncoderDecoder(
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        out_channels=out_channels,
        features=features,
        norm=norm,
        bias=bias,
        upsample=upsample,
        dropout=dropout,
    )
