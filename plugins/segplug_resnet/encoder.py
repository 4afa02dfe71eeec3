"""The ResNets (He et al., CVPR 2016, table 1) as encoders: MONAI's, with the parameters as torchvision names them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from monai.networks.nets.resnet import ResNet

from segplug_resnet.weights import Inflation, load_pretrained

WIDTHS = (64, 128, 256, 512)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_STAGES = ("layer1", "layer2", "layer3", "layer4")
_EXPANSION = {"basic": 1, "bottleneck": 4}
_LAYOUTS: dict[int, tuple[Literal["basic", "bottleneck"], tuple[int, int, int, int]]] = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}


class ResNetTrunk(ResNet):
    """A ResNet without its classifier, that gives the map of its stem and of each of its four stages.

    Args:
        block: `basic` (two 3x3 convolutions) or `bottleneck` (1x1, 3x3, 1x1 at four times the width).
        layers: blocks a stage.
        widths: channels of the stages, before a bottleneck's expansion; the stem has those of the first.
        freeze: whether the parameters take no gradient and batch norm keeps its statistics.

    Attributes:
        out_channels: the channels of the maps that `forward` gives, finest first.
        strides: how much coarser each is than the image.
        normalisation: `mean` and `std`, one number a channel of the input, for images in 0..1, as torchvision's
            weights were trained; for one channel the average over red, green and blue.
        frozen: as `freeze`.
    """

    def __init__(
        self,
        block: Literal["basic", "bottleneck"],
        layers: Sequence[int],
        *,
        spatial_dims: int,
        in_channels: int,
        widths: Sequence[int],
        freeze: bool,
    ) -> None:
        # MONAI's defaults for stride, shortcut and its bias give another network than torchvision's.
        super().__init__(
            block=block,
            layers=list(layers),
            block_inplanes=list(widths),
            spatial_dims=spatial_dims,
            n_input_channels=in_channels,
            conv1_t_size=7,
            conv1_t_stride=2,
            no_max_pool=False,
            shortcut_type="B",
            feed_forward=False,
            bias_downsample=False,
        )
        del self.avgpool
        self.out_channels: tuple[int, ...] = (widths[0], *(_EXPANSION[block] * width for width in widths))
        self.strides: tuple[int, ...] = (2, 4, 8, 16, 32)
        self.normalisation = _normalisation(in_channels)
        self.frozen = freeze
        self.requires_grad_(not freeze)
        self.train()

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps `[B, out_channels[i], *spatial / strides[i]]` of `x: [B, C, *spatial]`, finest first.

        The first is taken before the max-pool. Sizes that a stride does not divide are rounded up.
        """
        x = self.act(self.bn1(self.conv1(x)))
        maps = [x]
        for stage in _STAGES[: len(self.out_channels) - 1]:
            x = getattr(self, stage)(self.maxpool(x) if stage == "layer1" else x)
            maps.append(x)
        return maps

    def keep_levels(self, levels: int) -> None:
        """Drop all but the first `levels` levels.

        Raises:
            ValueError: there are not that many, or it would leave none.
        """
        if not 1 <= levels <= len(self.out_channels):
            raise ValueError(f"levels is {levels}; it must be between 1 and {len(self.out_channels)}")
        for stage in _STAGES[levels - 1 : len(self.out_channels) - 1]:
            delattr(self, stage)
        self.out_channels, self.strides = self.out_channels[:levels], self.strides[:levels]

    def train(self, mode: bool = True) -> ResNetTrunk:
        """Set the mode, in which a frozen encoder stays in evaluation, so that its statistics do not drift."""
        super().train(mode and not self.frozen)
        return self


def _normalisation(in_channels: int) -> dict[str, tuple[float, ...]]:
    both = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    if in_channels == 1:
        return {key: (round(sum(rgb) / 3, 6),) for key, rgb in both.items()}
    return {key: tuple(rgb[channel % 3] for channel in range(in_channels)) for key, rgb in both.items()}


def build(
    depth: int,
    /,
    *,
    spatial_dims: int,
    in_channels: int,
    pretrained: str | os.PathLike[str] | None = None,
    freeze: bool = False,
    inflate: Inflation = "mean",
    widths: Sequence[int] = WIDTHS,
) -> ResNetTrunk:
    """Return the ResNet of that depth as an encoder of five levels.

    Args:
        depth: 18, 34, 50, 101 or 152.
        pretrained: a file of weights with torchvision's names; `imagenet`: torchvision's own from the cache of
            torch.hub, downloaded where it is not there; None: random weights.
        freeze: keep the weights, and the statistics of batch norm, as they are loaded.
        inflate: how weights of pictures become weights of volumes: `mean` repeats a kernel along the last axis and
            divides it by its depth, `centre` puts it in the middle slice, with zeros around.
        widths: channels of the four stages, before the expansion by 4 of the bottlenecks of 50 layers and more.

    Raises:
        ValueError: an option has a value that it cannot have, or the file of weights cannot be used.
    """
    if len(widths) != len(_STAGES) or min(widths) < 1:
        raise ValueError(f"widths is {widths!r}; it must be four positive numbers such as {WIDTHS}")
    if inflate not in ("mean", "centre"):
        raise ValueError(f"inflate is {inflate!r}; it must be mean or centre")
    block, layers = _LAYOUTS[depth]
    encoder = ResNetTrunk(
        block, layers, spatial_dims=spatial_dims, in_channels=in_channels, widths=widths, freeze=freeze
    )
    if pretrained is not None:
        load_pretrained(encoder, pretrained, depth, inflate)
    return encoder


build_resnet18 = partial(build, 18)
build_resnet34 = partial(build, 34)
build_resnet50 = partial(build, 50)
build_resnet101 = partial(build, 101)
build_resnet152 = partial(build, 152)
