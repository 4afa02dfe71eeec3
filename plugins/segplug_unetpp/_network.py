"""A UNet++ as a network: an encoder, the grid of decoders on it, their heads; deep supervision and pruning."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from monaiseg.nn import EncoderLike, PaddedNetwork, initialise, make_head
from segplug_unetpp._grid import NestedGrid
from segplug_unetpp._on_encoder import Finish


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
    grid: NestedGrid, columns: Sequence[int], spatial_dims: int, out_channels: int, finish: Finish | None
) -> dict[int, nn.Module]:
    """Return the heads by column: 1x1 convolutions where X(0, j) has the image's size, else what `finish` makes."""
    if finish is None:
        return {j: make_head(spatial_dims, grid.out_channels[j - 1], out_channels) for j in columns}
    return {j: finish(grid.out_channels[j - 1], out_channels, deepest=j == grid.depth) for j in columns}


def assemble(
    encoder: EncoderLike,
    grid: NestedGrid,
    out_channels: int,
    deep_supervision: bool,
    spatial_dims: int,
    finish: Finish | None = None,
) -> NestedNetwork:
    """Return the network of an encoder and a grid, its decoder and heads initialised.

    Args:
        finish: makes the heads where X(0, j) is coarser than the image; None: 1x1 convolutions.
    """
    columns = range(1, grid.depth + 1) if deep_supervision else (grid.depth,)
    heads = _heads(grid, columns, spatial_dims, out_channels, finish)
    initialise(grid, *heads.values())
    return NestedNetwork(encoder, grid, heads)
