"""UNet (Ronneberger et al. 2015) with padded convolutions, so that logits have the size of the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from monaiseg.nn import (
    EncoderLike,
    Norm,
    PaddedNetwork,
    Stride,
    Upsampling,
    initialise,
    make_encoder,
    make_head,
    steps_between,
    unit_maker,
    upsampling,
)
from segplug_unet._decoder import JoinedDecoder, SkiplessStep

FEATURES = {2: (64, 128, 256, 512, 1024), 3: (32, 64, 128, 256, 512)}


class EncoderDecoder(PaddedNetwork):
    """An encoder, a decoder joined to it by concatenation, and a head.

    Input `[B, in_channels, *spatial]`, output logits `[B, out_channels, *spatial]`.
    """

    def __init__(self, encoder: EncoderLike, decoder: JoinedDecoder, head: nn.Module) -> None:
        super().__init__(size_divisor=encoder.strides[-1])
        self.encoder = encoder
        self.decoder = decoder
        self.head = head

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits for a divisible size."""
        logits: torch.Tensor = self.head(self.decoder(self.encoder(x)))
        return logits


def build(
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    features: Sequence[int] | None = None,
    strides: Sequence[Stride] | None = None,
    unit: str | None = None,
    norm: Norm = "auto",
    bias: bool | None = None,
    dropout: float = 0.0,
    upsample: Upsampling | None = None,
    decoder: Literal["unit", "deconv"] = "unit",
    decoder_channels: Sequence[int] | None = None,
    encoder: str | None = None,
    pretrained: str | None = None,
    freeze: bool = False,
    encoder_options: Mapping[str, Any] | None = None,
) -> EncoderDecoder:
    """Return a UNet.

    Args:
        features: of the plain encoder, channels a level, finest first; by default 64 to 1024 in 2D, 32 to 512 in 3D.
        strides: of the plain encoder, for each level but the first how much coarser it is, a number or one an axis.
        unit: name of a block of role `unit`; None: two 3x3 convolutions, each with norm and ReLU.
        norm: `auto` (batch in 2D, instance in 3D), `batch`, `instance`, `group` or None.
        bias: of the units' convolutions; None: only without norm.
        dropout: probability after each activation.
        upsample: see `monaiseg.nn.Upsampling`; None: `deconv`, or `nearest` with an encoder.
        decoder: `deconv` is the UNet of gyb357/UNet-Segmentation: up-convolutions and head without bias, and from an
            encoder's finest map to the image an up-convolution alone.
        decoder_channels: channels after each step of the decoder, coarsest first; None: the plain encoder's, or with
            an encoder 256 and half as many each step (from 512 for `decoder="deconv"`).
        encoder: name of an encoder of any plugin; None: the plain one.
        pretrained: weights of the encoder, as it takes them.
        freeze: whether the encoder stays as it is.
        encoder_options: further options of the encoder.

    With a ResNet encoder and the other defaults this is the Unet of segmentation_models.pytorch.
    """
    make_unit = unit_maker(unit, spatial_dims, norm=norm, bias=bias, dropout=dropout)
    trunk = make_encoder(
        encoder,
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        features=features,
        strides=strides,
        make_unit=make_unit,
        default_features=FEATURES[spatial_dims],
        pretrained=pretrained,
        freeze=freeze,
        encoder_options=encoder_options,
    )
    learned = decoder == "deconv"
    kind: Upsampling = upsample or ("deconv" if learned or encoder is None else "nearest")
    steps = sum(max(step) > 1 for step in steps_between(trunk, spatial_dims))
    halving = [(512 if learned else 256) >> k for k in range(steps)]
    widths = decoder_channels or (trunk.out_channels[-2::-1] if encoder is None else halving)
    joins = JoinedDecoder(
        trunk,
        spatial_dims,
        widths,
        make_unit,
        partial(upsampling, kind, spatial_dims, bias=not learned),
        SkiplessStep(partial(upsampling, kind, spatial_dims), None if learned else make_unit),
    )
    kernel = 1 if encoder is None or learned else 3
    head = make_head(spatial_dims, joins.out_channels, out_channels, kernel, bias=not learned)
    initialise(joins, head)
    return EncoderDecoder(trunk, joins, head)
