"""The decoder of the UNet, from the maps of any encoder to features at the image's size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from monaiseg.nn import EncoderLike, Layers, MakeUnit, MakeUpsampling, Stride, joined, steps_between


class JoinedDecoder(nn.Module):
    """Up-samples the coarsest map step by step, each time joined to the encoder's map of that size.

    An encoder whose finest map is coarser than the image takes one step more, which has nothing to be joined to.

    Args:
        widths: channels after each step, coarsest first.
        last: makes that skipless step: (in_channels, out_channels, factor) to a module.

    Attributes:
        out_channels: the channels that `forward` gives.
    """

    def __init__(
        self,
        encoder: EncoderLike,
        spatial_dims: int,
        widths: Sequence[int],
        make_unit: MakeUnit,
        make_upsampling: MakeUpsampling,
        last: SkiplessStep,
    ) -> None:
        super().__init__()
        to_image, *steps = steps_between(encoder, spatial_dims)
        skipless = any(factor > 1 for factor in to_image)
        if len(widths) != len(steps) + skipless:
            raise ValueError(f"decoder_channels has {len(widths)} entries; this encoder needs {len(steps) + skipless}")
        channels = encoder.out_channels[-1]
        self.upsample = nn.ModuleList()
        self.units = nn.ModuleList()
        for skip, width, step in zip(encoder.out_channels[-2::-1], widths, reversed(steps), strict=False):
            up, up_channels = make_upsampling(channels, width, step)
            self.upsample.append(up)
            self.units.append(make_unit(up_channels + skip, width, 1))
            channels = width
        self.last = last(channels, widths[-1], to_image) if skipless else nn.Identity()
        self.out_channels = widths[-1]

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return `[B, out_channels, *spatial]` for the encoder's maps, finest first."""
        x = maps[-1]
        for up, unit, skip in zip(self.upsample, self.units, maps[-2::-1], strict=True):
            x = joined(unit, up, x, after=[skip])
        features: torch.Tensor = self.last(x)
        return features


class SkiplessStep:
    """Makes the step from the finest map to the image: an up-sampling and, unless `unit` is None, a unit."""

    def __init__(self, make_upsampling: MakeUpsampling, make_unit: MakeUnit | None) -> None:
        self.make_upsampling = make_upsampling
        self.make_unit = make_unit

    def __call__(self, in_channels: int, out_channels: int, factor: Stride) -> nn.Module:
        """Return the step."""
        up, channels = self.make_upsampling(in_channels, out_channels, factor)
        if self.make_unit is None:
            return up
        return Layers(up, self.make_unit(channels, out_channels, 1))
