"""UNet 3+ (Huang et al. 2020): full-scale skips, deep supervision, and its classification-guided variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from monaiseg.nn import (
    EncoderLike,
    Norm,
    PaddedNetwork,
    Stride,
    initialise,
    make_encoder,
    make_head,
    unit_maker,
)
from segplug_unet3p._fusion import FullScaleDecoder, resize_to
from segplug_unet3p._presence import Gate

FEATURES = {2: (64, 128, 256, 512, 1024), 3: (32, 64, 128, 256, 512)}
CAT_CHANNELS = {2: 64, 3: 32}
SMALL_FEATURES = (16, 32, 64, 128, 256)


class FullScaleNetwork(PaddedNetwork):
    """UNet 3+: an encoder, the full-scale decoder on its maps, and a head on each map that is trained.

    Input `[B, in_channels, *spatial]`. Evaluation gives the logits `[B, out_channels, *spatial]` of the finest map;
    training gives the same, or with several `heads` a list of the logits of all, finest first. With `presence`,
    training gives a dict of these `logits` and of `presence: [B, gates, 2]`, and evaluation is gated by it.

    Args:
        heads: convolutions on D_0, or on D_0, D_1, ... and the encoder's last map.
        gate: the classifying branch and how it acts, or None.
    """

    def __init__(
        self,
        encoder: EncoderLike,
        decoder: FullScaleDecoder,
        heads: Sequence[nn.Module],
        gate: Gate | None = None,
    ) -> None:
        super().__init__(size_divisor=encoder.strides[-1])
        self.encoder = encoder
        self.decoder = decoder
        self.heads = nn.ModuleList(heads)
        self.gate = gate

    def compute(self, x: torch.Tensor) -> Any:
        """Return the output for a divisible size."""
        maps = self.decoder(self.encoder(x))
        heads = self.heads if self.training else self.heads[:1]
        headed = zip(heads, maps[: len(heads)], strict=True)  # with strict=False torch 2.8 cannot compile it
        outputs = [resize_to(head(features), x.shape[2:]) for head, features in headed]
        if self.gate is None:
            return outputs if len(outputs) > 1 else outputs[0]
        presence, outputs = self.gate(maps[-1], outputs)
        logits = outputs if len(outputs) > 1 else outputs[0]
        return {"logits": logits, "presence": presence} if self.training else logits


def build(
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    deep_supervision: bool = False,
    features: Sequence[int] | None = None,
    strides: Sequence[Stride] | None = None,
    cat_channels: int | None = None,
    unit: str | None = None,
    norm: Norm = "auto",
    bias: bool | None = None,
    dropout: float = 0.0,
    encoder: str | None = None,
    pretrained: str | None = None,
    freeze: bool = False,
    encoder_options: Mapping[str, Any] | None = None,
    default_features: Sequence[int] | None = None,
) -> FullScaleNetwork:
    """Return a UNet 3+.

    Args:
        deep_supervision: a head on each decoder map and on the encoder's last one, all trained.
        features: of the plain encoder, channels a level, finest first; by default 64 to 1024 in 2D, 32 to 512 in 3D.
        strides: of the plain encoder, for each level but the first how much coarser it is, a number or one an axis.
        cat_channels: that each scale contributes to each stage; by default 64 in 2D, 32 in 3D.
        unit: of the plain encoder, name of a block of role `unit`; None: two 3x3 convolutions, each with norm and ReLU.
        norm: `auto` (batch in 2D, instance in 3D), `batch`, `instance`, `group` or None.
        bias: of the convolutions before a norm; None: only without norm. The authors' code has it.
        dropout: probability after each activation.
        encoder: name of an encoder of any plugin; None: the plain one.
        pretrained: weights of the encoder, as it takes them.
        freeze: whether the encoder stays as it is.
        encoder_options: further options of the encoder.
        default_features: the features where neither they nor an encoder are given.
    """
    make_unit = unit_maker(unit, spatial_dims, norm=norm, bias=bias, dropout=dropout)
    trunk = make_encoder(
        encoder,
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        features=features,
        strides=strides,
        make_unit=make_unit,
        default_features=default_features or FEATURES[spatial_dims],
        pretrained=pretrained,
        freeze=freeze,
        encoder_options=encoder_options,
    )
    decoder = FullScaleDecoder(trunk, spatial_dims, cat_channels or CAT_CHANNELS[spatial_dims], norm, bias, dropout)
    supervised = decoder.out_channels if deep_supervision else decoder.out_channels[:1]
    heads = [make_head(spatial_dims, channels, out_channels, 3) for channels in supervised]
    initialise(decoder, *heads)
    return FullScaleNetwork(trunk, decoder, heads)


build_small = partial(build, default_features=SMALL_FEATURES, cat_channels=16, norm="group")
"""`build` with a quarter of the channels and group norm, which does not mix the images of a small batch."""


def build_guided(
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    deep_supervision: bool = False,
    features: Sequence[int] | None = None,
    strides: Sequence[Stride] | None = None,
    cat_channels: int | None = None,
    unit: str | None = None,
    norm: Norm = "auto",
    bias: bool | None = None,
    dropout: float = 0.0,
    encoder: str | None = None,
    pretrained: str | None = None,
    freeze: bool = False,
    encoder_options: Mapping[str, Any] | None = None,
    gate_each_class: bool = False,
    background: bool = False,
    gate_in_training: bool = False,
    gate_dropout: float = 0.5,
) -> FullScaleNetwork:
    """Return a UNet 3+ with a branch that tells whether there is anything to segment, and closes the logits if not.

    Args:
        gate_each_class: a gate for each class instead of one for all.
        background: whether the first channel is the background of a softmax, which no gate closes.
        gate_in_training: close the logits in training, too; a wrong early answer then stops the learning of masks.
        gate_dropout: probability, before the branch classifies.

    The other options are those of `build`.
    """
    network = build(
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        out_channels=out_channels,
        deep_supervision=deep_supervision,
        features=features,
        strides=strides,
        cat_channels=cat_channels,
        unit=unit,
        norm=norm,
        bias=bias,
        dropout=dropout,
        encoder=encoder,
        pretrained=pretrained,
        freeze=freeze,
        encoder_options=encoder_options,
    )
    classes = out_channels - background
    if classes < 1:
        raise ValueError("background needs out_channels of at least 2")
    gates = classes if gate_each_class else 1
    coarsest = network.decoder.out_channels[-1]
    network.gate = Gate(spatial_dims, coarsest, gates, gate_dropout, background, gate_in_training)
    return network
