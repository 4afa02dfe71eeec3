"""What a UNet++ on a stranger's encoder needs beyond the plain one: widths of the nodes, and the way to the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from monaiseg.nn import Layers, MakeUnit, make_head, resized


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


@dataclass(frozen=True)
class Finish:
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
        return Layers(
            resized(self.factor, "nearest"),
            self.make_unit(in_channels, self.width, 1),
            make_head(self.spatial_dims, self.width, out_channels, 3),
        )
