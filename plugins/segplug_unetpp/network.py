"""UNet++ (Zhou et al. 2018, 2019), on any encoder and of any unit; the Residual UNet++ with CBAM on the same grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import nn

from monaiseg.nn import (
    Norm,
    PlainEncoder,
    Stride,
    Upsampling,
    initialise,
    make_encoder,
    steps_between,
    unit_maker,
    upsampling,
)
from segplug_unetpp._grid import NestedGrid
from segplug_unetpp._network import NestedNetwork, assemble
from segplug_unetpp._on_encoder import EncoderWidths, Finish
from segplug_unetpp.cbam import build_residual as residual_cbam

FEATURES = (32, 64, 128, 256, 512)
HALF_FEATURES = (16, 32, 64, 128, 256)
SMALL_FEATURES = (16, 32, 64, 128)


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
        return assemble(trunk, plain, out_channels, deep_supervision, spatial_dims)
    widths = EncoderWidths(trunk.out_channels, decoder_channels, skipless=max(to_image) > 1)
    grid = NestedGrid(factors, widths, make_unit, make_upsampling, "up_first_latest_skip_first")
    finish = Finish(spatial_dims, to_image, widths.last, make_unit)
    return assemble(trunk, grid, out_channels, deep_supervision, spatial_dims, finish)


build_half = partial(build, default_features=HALF_FEATURES, norm="group")
"""`build` with half the channels, 16 to 256, and group norm, which does not mix the images of a small batch."""

build_small = partial(build, default_features=SMALL_FEATURES, norm="group")
"""`build_half` without its coarsest level, which is a few voxels in a small volume."""


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
    return assemble(encoder, grid, out_channels, deep_supervision, spatial_dims)


build_residual_half = partial(build_residual, features=HALF_FEATURES, norm="group")
"""`build_residual` with half the channels and group norm."""
