"""UNet++ (Zhou et al., DLMIA 2018 and TMI 2020): the nested grid over a plain encoder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from monaiseg.nn import DoubleConv, Norm, PaddedNetwork, Upsampling, initialise, make_head, upsampling
from segplug_unetpp._grid import EncoderColumn, NestedGrid

FEATURES = (32, 64, 128, 256, 512)
HALF_FEATURES = (16, 32, 64, 128, 256)


class NestedNetwork(PaddedNetwork):
    """UNet++ with `len(features) - 1` nested decoders.

    Input `[B, in_channels, *spatial]`. Evaluation gives the logits `[B, out_channels, *spatial]` of the deepest
    decoder; training gives the same, or with `deep_supervision` a list of the logits of all decoders, deepest first.
    """

    def __init__(
        self,
        *,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        deep_supervision: bool,
        features: Sequence[int],
        norm: Norm,
        bias: bool | None,
        upsample: Upsampling,
        dropout: float,
    ) -> None:
        depth = len(features) - 1
        super().__init__(size_divisor=2**depth)
        self._options: dict[str, Any] = dict(
            spatial_dims=spatial_dims,
            in_channels=in_channels,
            out_channels=out_channels,
            features=features,
            norm=norm,
            bias=bias,
            upsample=upsample,
            dropout=dropout,
        )
        self.deep_supervision = deep_supervision
        self.depth = depth

        def unit(a: int, b: int, stride: int) -> DoubleConv:
            return DoubleConv(spatial_dims, a, b, stride=stride, norm=norm, bias=bias, dropout=dropout)

        self.encoder = EncoderColumn(in_channels, features, unit, Pool[Pool.MAX, spatial_dims](2))
        self.grid = NestedGrid(
            depth, lambda i, j: features[i], unit, lambda a, b: upsampling(upsample, spatial_dims, a, b)
        )
        columns = range(1, depth + 1) if deep_supervision else (depth,)
        self.heads = nn.ModuleDict({str(j): make_head(spatial_dims, features[0], out_channels) for j in columns})
        initialise(self)

    def compute(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Return the logits for a divisible size: of the deepest head, or of all in training with deep supervision."""
        row = self.grid(self.encoder(x))
        if self.training and self.deep_supervision:
            return [self.heads[str(j)](row[j - 1]) for j in range(self.depth, 0, -1)]
        logits: torch.Tensor = self.heads[str(self.depth)](row[-1])
        return logits

    def prune(self, depth: int) -> NestedNetwork:
        """Return the network L_depth: the nodes with i + j <= depth, with the weights of this one.

        In evaluation it gives bit for bit what head `depth` of this network gives.

        Raises:
            ValueError: `depth` is not between 1 and this network's, or the network was built without deep
                supervision, so that only its deepest head was trained.
        """
        if not 1 <= depth <= self.depth:
            raise ValueError(f"depth is {depth}; it must be between 1 and {self.depth}")
        if depth < self.depth and not self.deep_supervision:
            raise ValueError("only a network with deep_supervision=True has trained the heads that pruning keeps")
        features = self._options["features"][: depth + 1]
        pruned = NestedNetwork(**{**self._options, "features": features}, deep_supervision=False)
        mine = self.state_dict()
        pruned.load_state_dict({key: mine[key] for key in pruned.state_dict()})
        # Padded as this network pads, or other sizes would not give the same.
        pruned.size_divisor = self.size_divisor
        return pruned.to(next(self.parameters()).device).train(self.training)


def build(
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    deep_supervision: bool = False,
    features: Sequence[int] = FEATURES,
    norm: Norm = "auto",
    bias: bool | None = None,
    upsample: Upsampling = "deconv",
    dropout: float = 0.0,
) -> NestedNetwork:
    """Return a UNet++.

    Args:
        deep_supervision: a head on each nested decoder, all trained; needed to prune.
        features: channels a level, finest first; the number of levels less one is the depth L.
        norm: `auto` (batch in 2D, instance in 3D), `batch`, `instance`, `group` or None.
        bias: of the convolutions; None: only without norm.
        upsample: `deconv`, `bilinear` or `bilinear_aligned`.
        dropout: probability after each activation.

    The published variants: the authors' Keras code is `norm=None`; pytorch-nested-unet is
    `upsample="bilinear_aligned", bias=True`; the default is batch norm without idle biases.
    """
    if len(features) < 2:
        raise ValueError(f"features needs at least 2 levels, not {len(features)}")
    return NestedNetwork(
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        out_channels=out_channels,
        deep_supervision=deep_supervision,
        features=tuple(features),
        norm=norm,
        bias=bias,
        upsample=upsample,
        dropout=dropout,
    )


build_half = partial(build, features=HALF_FEATURES, norm="group")
"""`build` with half the channels, 16 to 256, and group norm, which does not mix the images of a small batch."""
