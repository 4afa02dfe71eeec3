"""The nested grid of UNet++ (Zhou et al. 2018, section 3.1), written once for every network built on it.

Node X(i, j) stands at level i (0 is the finest) and column j. Column 0 is the encoder. For j > 0

    X(i, j) = unit(concat[X(i, 0), ..., X(i, j-1), up(X(i+1, j-1))])

and a node exists where i + j <= depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import nn

from monaiseg.nn import MakeUnit, MakeUpsampling, Stride, joined

Order = Literal["skips_first", "up_first", "up_first_latest_skip_first"]
Width = Callable[[int, int], int]
"""(level, column) to the channels of that node."""


class NestedGrid(nn.Module):
    """The columns j > 0, on the maps of any encoder.

    Args:
        factors: how much coarser each map is than the one before; as many as the last column's number, the depth.
        width: channels of each node, those of column 0 being the encoder's.
        make_unit: makes the unit of a node.
        make_upsampling: makes the up-sampling into a node.
        order: how a node's inputs are joined; it matters for weights from elsewhere only.

    Attributes:
        depth: the number of columns.
        out_channels: channels of X(0, 1), ..., X(0, depth).
    """

    def __init__(
        self,
        factors: Sequence[Stride],
        width: Width,
        make_unit: MakeUnit,
        make_upsampling: MakeUpsampling,
        order: Order = "skips_first",
    ) -> None:
        super().__init__()
        self.depth = depth = len(factors)
        self.order = order
        self.out_channels = [width(0, j) for j in range(1, depth + 1)]
        self.up = nn.ModuleDict()
        self.nodes = nn.ModuleDict()
        for i, j in grid_nodes(depth):
            up, up_channels = make_upsampling(width(i + 1, j - 1), width(i, j), factors[i])
            skips = sum(width(i, k) for k in range(j))
            self.up[_key(i, j)] = up
            self.nodes[_key(i, j)] = make_unit(skips + up_channels, width(i, j), 1)

    def forward(self, encoded: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the finest row X(0, 1), ..., X(0, depth) for the encoder's maps, finest first."""
        rows = [[x] for x in encoded[: self.depth + 1]]
        for i, j in grid_nodes(self.depth):
            key, below = _key(i, j), rows[i + 1][j - 1]
            before = rows[i] if self.order == "skips_first" else []
            after = [] if before else rows[i] if self.order == "up_first" else rows[i][::-1]
            rows[i].append(joined(self.nodes[key], self.up[key], below, before, after))
        return rows[0][1:]

    def prune(self, depth: int) -> None:
        """Drop the nodes beyond column `depth`, and those that only they need."""
        kept = {_key(i, j) for i, j in grid_nodes(depth)}
        for key in [key for key in self.nodes if key not in kept]:
            del self.nodes[key], self.up[key]
        self.depth = depth


def grid_nodes(depth: int) -> Iterator[tuple[int, int]]:
    """Give (level, column) of each node with column > 0, in an order in which each finds its inputs computed."""
    for j in range(1, depth + 1):
        for i in range(depth - j + 1):
            yield i, j


def _key(i: int, j: int) -> str:
    return f"x{i}_{j}"
