"""UNet++ (Zhou et al. 2018, 2019): nested decoders, deep supervision, pruning; on any encoder, of any unit."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from monaiseg.nn import (
    EncoderLike,
    MakeUnit,
    Norm,
    PaddedNetwork,
    PlainEncoder,
    Stride,
    Upsampling,
    initialise,
    make_encoder,
    make_head,
    resized,
    steps_between,
    unit_maker,
    upsampling,
)
from segplug_unetpp._grid import NestedGrid
from segplug_unetpp.cbam import build_residual as residual_cbam

FEATURES = (32, 64, 128, 256, 512)
HALF_FEATURES = (16, 32, 64, 128, 256)


class NestedNetwork(PaddedNetwork):
    """UNet++: an encoder, nested decoders on its maps, and a head at the end of each decoder that is trained.

    Input `[B, in_channels, *spatial]`. Evaluation gives the logits `[B, out_channels, *spatial]` of the deepest
    decoder; training gives the same, or with `deep_supervision` a list of the logits of all decoders, deepest first.

    Args:
        heads: from X(0, j) to logits at the image's size, by column j.
    """

    def __init__(self, encoder: EncoderLike, grid: NestedGrid, heads: Mapping[int, nn.Module]) -> None:
        super().__init__(size_divisor=encoder.strides[-1])
        self.encoder = encoder
        self.grid = grid
        self.heads = nn.ModuleDict({str(column): head for column, head in heads.items()})
        self.deep_supervision = len(heads) > 1

    @property
    def depth(self) -> int:
        """The number of nested decoders, L."""
        return self.grid.depth

    def compute(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Return the logits for a divisible size: of the deepest head, or of all in training with deep supervision."""
        row = self.grid(self.encoder(x))
        if self.training and self.deep_supervision:
            return [self.heads[str(j)](row[j - 1]) for j in range(self.depth, 0, -1)]
        logits: torch.Tensor = self.heads[str(self.depth)](row[-1])
        return logits

    def prune(self, depth: int) -> NestedNetwork:
        """Return the network L_depth: the nodes with i + j <= depth, with the weights of this one.

        In evaluation it gives bit for bit what head `depth` of this network gives. An encoder of a plugin is cut where
        it has a method `keep_levels(levels)`, and else kept whole.

        Raises:
            ValueError: `depth` is not between 1 and this network's, or the network was built without deep
                supervision, so that only its deepest head was trained.
        """
        if not 1 <= depth <= self.depth:
            raise ValueError(f"depth is {depth}; it must be between 1 and {self.depth}")
        if depth < self.depth and not self.deep_supervision:
            raise ValueError("only a network with deep_supervision=True has trained the heads that pruning keeps")
        pruned = copy.deepcopy(self)  # padded as this network pads, or other sizes would not give the same
        pruned.deep_supervision = False
        pruned.grid.prune(depth)
        pruned.heads = nn.ModuleDict({str(depth): pruned.heads[str(depth)]})
        if hasattr(pruned.encoder, "keep_levels"):
            pruned.encoder.keep_levels(depth + 1)
        return pruned


def _heads(
    grid: NestedGrid, columns: Sequence[int], spatial_dims: int, out_channels: int, finish: _Finish | None
) -> dict[int, nn.Module]:
    """Return the heads by column: 1x1 convolutions where X(0, j) has the image's size, else what `finish` makes."""
    if finish is None:
        return {j: make_head(spatial_dims, grid.out_channels[j - 1], out_channels) for j in columns}
    return {j: finish(grid.out_channels[j - 1], out_channels, deepest=j == grid.depth) for j in columns}


@dataclass(frozen=True)
class _Finish:
    """Makes heads for a grid on an encoder's maps, which are `factor` coarser than the image at their finest.

    The deepest column goes on to the image's size through a unit without skip, of `width`; the others are up-sampled
    after their head.
    """

    spatial_dims: int
    factor: tuple[int, ...]
    width: int | None
    make_unit: MakeUnit

    def __call__(self, in_channels: int, out_channels: int, deepest: bool) -> nn.Module:
        """Return the head from X(0, j) to logits."""
        if self.width is None:
            return make_head(self.spatial_dims, in_channels, out_channels, 3)
        if not deepest:
            return nn.Sequential(make_head(self.spatial_dims, in_channels, out_channels, 3), resized(self.factor))
        return nn.Sequential(
            resized(self.factor, "nearest"),
            self.make_unit(in_channels, self.width, 1),
            make_head(self.spatial_dims, self.width, out_channels, 3),
        )


def _assemble(
    encoder: EncoderLike,
    grid: NestedGrid,
    out_channels: int,
    deep_supervision: bool,
    spatial_dims: int,
    finish: _Finish | None = None,
) -> NestedNetwork:
    columns = range(1, grid.depth + 1) if deep_supervision else (grid.depth,)
    heads = _heads(grid, columns, spatial_dims, out_channels, finish)
    initialise(grid, *heads.values())
    return NestedNetwork(encoder, grid, heads)


def build(
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    deep_supervision: bool = False,
    features: Sequence[int] | None = None,
    strides: Sequence[Stride] | None = None,
    unit: str | None = None,
    norm: Norm = "auto",
    bias: bool | None = None,
    dropout: float = 0.0,
    upsample: Upsampling | None = None,
    decoder_channels: Sequence[int] | None = None,
    encoder: str | None = None,
    pretrained: str | None = None,
    freeze: bool = False,
    encoder_options: Mapping[str, Any] | None = None,
    default_features: Sequence[int] = FEATURES,
) -> NestedNetwork:
    """Return a UNet++.

    Args:
        deep_supervision: a head on each nested decoder, all trained; needed to prune.
        features: of the plain encoder, channels a level, finest first; the number of levels less one is the depth L.
        strides: of the plain encoder, for each level but the first how much coarser it is, a number or one an axis.
        unit: name of a block of role `unit`; None: two 3x3 convolutions, each with norm and ReLU.
        norm: `auto` (batch in 2D, instance in 3D), `batch`, `instance`, `group` or None.
        bias: of the units' convolutions; None: only without norm.
        dropout: probability after each activation.
        upsample: see `monaiseg.nn.Upsampling`; None: `deconv`, or `nearest` with an encoder.
        decoder_channels: with an encoder, channels of the decoders' nodes at each level, coarsest first, and of the
            last step to the image; None: the encoder's, but 256 and half as many each step for the last node of a
            level.
        encoder: name of an encoder of any plugin; None: the plain one.
        pretrained: weights of the encoder, as it takes them.
        freeze: whether the encoder stays as it is.
        encoder_options: further options of the encoder.
        default_features: the features where neither they nor an encoder are given.

    The published variants: the authors' Keras code is `norm=None`; pytorch-nested-unet is
    `upsample="bilinear_aligned", bias=True`; the default is batch norm without idle biases; with a ResNet encoder and
    the other defaults it is the UnetPlusPlus of segmentation_models.pytorch.
    """
    make_unit = unit_maker(unit, spatial_dims, norm=norm, bias=bias, dropout=dropout)
    trunk = make_encoder(
        encoder,
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        features=features,
        strides=strides,
        make_unit=make_unit,
        default_features=default_features,
        pretrained=pretrained,
        freeze=freeze,
        encoder_options=encoder_options,
    )
    to_image, *factors = steps_between(trunk, spatial_dims)
    kind: Upsampling = upsample or ("deconv" if encoder is None else "nearest")
    make_upsampling = partial(upsampling, kind, spatial_dims)
    if encoder is None:
        if decoder_channels is not None:
            raise ValueError("decoder_channels needs an encoder; the plain one takes features")
        plain = NestedGrid(factors, lambda i, j: trunk.out_channels[i], make_unit, make_upsampling)
        return _assemble(trunk, plain, out_channels, deep_supervision, spatial_dims)
    widths = EncoderWidths(trunk.out_channels, decoder_channels, skipless=max(to_image) > 1)
    grid = NestedGrid(factors, widths, make_unit, make_upsampling, "up_first_latest_skip_first")
    finish = _Finish(spatial_dims, to_image, widths.last, make_unit)
    return _assemble(trunk, grid, out_channels, deep_supervision, spatial_dims, finish)


class EncoderWidths:
    """Channels of node X(i, j) on an encoder's maps.

    Args:
        encoder: channels of the maps, finest first.
        decoder: channels of all nodes j > 0 of each level, coarsest first; None: the encoder's, and on the last
            anti-diagonal 256, 128, ...
        skipless: whether a step follows from X(0, L) to the image, the last entry of `decoder`.

    Attributes:
        last: channels of that step, or None.
    """

    def __init__(self, encoder: Sequence[int], decoder: Sequence[int] | None, skipless: bool) -> None:
        self.encoder = encoder
        self.decoder = decoder
        self.depth = len(encoder) - 1
        count = self.depth + skipless
        if decoder is not None and len(decoder) != count:
            raise ValueError(f"decoder_channels has {len(decoder)} entries; this encoder needs {count}")
        self._halving = [256 >> k for k in range(count)] if decoder is None else decoder
        self.last = self._halving[-1] if skipless else None

    def __call__(self, i: int, j: int) -> int:
        """Return the channels of X(i, j)."""
        if j == 0 or (self.decoder is None and i + j < self.depth):
            return self.encoder[i]
        return self._halving[self.depth - 1 - i]


build_half = partial(build, default_features=HALF_FEATURES, norm="group")
"""`build` with half the channels, 16 to 256, and group norm, which does not mix the images of a small batch."""


def build_residual(
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    deep_supervision: bool = False,
    features: Sequence[int] = FEATURES,
    strides: Sequence[Stride] | None = None,
    unit: str | None = None,
    norm: Norm = "auto",
    bias: bool | None = None,
    dropout: float = 0.0,
    cbam_shared_mlp: bool = False,
    cbam_kernel_size: int = 7,
) -> NestedNetwork:
    """Return a Residual UNet++ with CBAM: the grid with residual units, strided instead of pooled.

    Args:
        deep_supervision: a head on each nested decoder, all trained; needed to prune.
        features: channels a level, finest first; the number of levels less one is the depth L.
        strides: for each level but the first how much coarser it is, a number or one an axis.
        unit: name of a block of role `unit`; None: `residual_cbam`, with the options that follow.
        norm: `auto` (batch in 2D, instance in 3D), `batch`, `instance`, `group` or None.
        bias: of the units' convolutions; None: with bias, or as the named unit has it.
        dropout: probability after each activation.
        cbam_shared_mlp: whether CBAM's mean and maximum share their layers, as its paper has it.
        cbam_kernel_size: of CBAM's convolution over places; 3 saves memory in 3D.
    """

    def residual(a: int, b: int, stride: Stride) -> nn.Module:
        return residual_cbam(
            spatial_dims=spatial_dims,
            in_channels=a,
            out_channels=b,
            stride=stride,
            norm=norm,
            bias=bias is not False,
            dropout=dropout,
            shared_mlp=cbam_shared_mlp,
            kernel_size=cbam_kernel_size,
        )

    make_unit = residual if unit is None else unit_maker(unit, spatial_dims, norm=norm, bias=bias, dropout=dropout)
    encoder = PlainEncoder(spatial_dims, in_channels, features, make_unit, strides, pool=False)
    initialise(encoder)
    _, *factors = steps_between(encoder, spatial_dims)
    make_upsampling = partial(upsampling, "nearest_conv", spatial_dims)
    grid = NestedGrid(factors, lambda i, j: features[i], make_unit, make_upsampling, "up_first")
    return _assemble(encoder, grid, out_channels, deep_supervision, spatial_dims)
