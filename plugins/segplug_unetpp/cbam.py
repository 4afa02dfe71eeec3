"""Attention over channels, then over places: CBAM (Woo et al., ECCV 2018, section 3)."""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Conv
from torch import nn

from monaiseg.nn import Layers, Norm, PreActResidual, Stride, norm_layer


class ConvBlockAttention(nn.Module):
    """Scale `x: [B, channels, *spatial]` by a weight in 0..1 a channel, then by a weight in 0..1 a place.

    Args:
        ratio: of the channels to the hidden ones.
        kernel_size: of the convolution over places.
        shared_mlp: whether mean and maximum pass the same two layers, as in the paper, or two of their own, as in the
            Residual UNet++.
        norm: of the map of places.
    """

    def __init__(
        self,
        *,
        spatial_dims: int,
        channels: int,
        ratio: int = 16,
        kernel_size: int = 7,
        shared_mlp: bool = True,
        norm: Norm = "auto",
    ) -> None:
        super().__init__()
        convolution = Conv[Conv.CONV, spatial_dims]
        hidden = max(1, channels // ratio)

        def layers() -> nn.Sequential:
            return nn.Sequential(
                convolution(channels, hidden, 1, bias=False),
                nn.ReLU(inplace=True),
                convolution(hidden, channels, 1, bias=False),
            )

        self.of_mean = layers()
        self.of_maximum = self.of_mean if shared_mlp else layers()
        self.places = Layers(
            convolution(2, 1, kernel_size, padding=kernel_size // 2, bias=False), norm_layer(norm, spatial_dims, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scaled `x`."""
        everywhere = tuple(range(2, x.ndim))
        mean, maximum = x.mean(everywhere, keepdim=True), x.amax(everywhere, keepdim=True)
        x = x * torch.sigmoid(self.of_mean(mean) + self.of_maximum(maximum))
        summary = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.places(summary))


def build_residual(
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    stride: Stride = 1,
    norm: Norm = "auto",
    bias: bool = True,
    dropout: float = 0.0,
    ratio: int = 16,
    kernel_size: int = 7,
    shared_mlp: bool = False,
) -> PreActResidual:
    """Return a pre-activated residual unit whose branch ends in CBAM; options as of the two."""
    attention = ConvBlockAttention(
        spatial_dims=spatial_dims,
        channels=out_channels,
        ratio=ratio,
        kernel_size=kernel_size,
        shared_mlp=shared_mlp,
        norm=norm,
    )
    return PreActResidual(
        spatial_dims,
        in_channels,
        out_channels,
        stride=stride,
        norm=norm,
        bias=bias,
        dropout=dropout,
        attention=attention,
    )
