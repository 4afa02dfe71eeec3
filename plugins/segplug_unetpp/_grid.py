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

MakeUnit = Callable[[int, int, int], nn.Module]
"""(in_channels, out_channels, stride) to the unit of a node."""
MakeUpsampling = Callable[[int, int], tuple[nn.Module, int]]
"""(in_channels, wanted channels) to an up-sampling by two and the channels that it gives."""
Width = Callable[[int, int], int]
"""(level, column) to the channels of that node."""


class EncoderColumn(nn.Module):
    """Column 0: one unit a level, halved by `pool` or, without one, by a unit of stride 2."""

    def __init__(self, in_channels: int, widths: Sequence[int], make_unit: MakeUnit, pool: nn.Module | None) -> None:
        super().__init__()
        self.pool = pool
        stride = 1 if pool is not None else 2
        self.units = nn.ModuleList(
            make_unit(a, b, stride if level else 1)
            for level, (a, b) in enumerate(zip((in_channels, *widths), widths, strict=False))
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps X(0, 0), X(1, 0), ... of `x: [B, C, *spatial]`, finest first."""
        maps: list[torch.Tensor] = []
        for unit in self.units:
            x = unit(self.pool(x) if maps and self.pool is not None else x)
            maps.append(x)
        return maps


class NestedGrid(nn.Module):
    """The columns j > 0, on the maps of any encoder whose levels halve each other.

    Args:
        depth: the last column; the encoder gives `depth + 1` maps.
        width: channels of each node, those of column 0 being the encoder's.
        make_unit: makes the unit of a node.
        make_upsampling: makes the up-sampling into a node.
        order: how a node's inputs are joined; it matters for weights from elsewhere only.
    """

    def __init__(
        self,
        depth: int,
        width: Width,
        make_unit: MakeUnit,
        make_upsampling: MakeUpsampling,
        order: Literal["skips_first", "up_first"] = "skips_first",
    ) -> None:
        super().__init__()
        self.depth = depth
        self.order = order
        self.up = nn.ModuleDict()
        self.nodes = nn.ModuleDict()
        for i, j in grid_nodes(depth):
            up, up_channels = make_upsampling(width(i + 1, j - 1), width(i, j))
            skips = sum(width(i, k) for k in range(j))
            self.up[_key(i, j)] = up
            self.nodes[_key(i, j)] = make_unit(skips + up_channels, width(i, j), 1)

    def forward(self, encoded: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the finest row X(0, 1), ..., X(0, depth) for the encoder's maps, finest first."""
        rows = [[x] for x in encoded]
        for i, j in grid_nodes(self.depth):
            up = self.up[_key(i, j)](rows[i + 1][j - 1])
            inputs = [*rows[i], up] if self.order == "skips_first" else [up, *rows[i]]
            rows[i].append(self.nodes[_key(i, j)](torch.cat(inputs, dim=1)))
        return rows[0][1:]


def grid_nodes(depth: int) -> Iterator[tuple[int, int]]:
    """Give (level, column) of each node with column > 0, in an order in which each finds its inputs computed."""
    for j in range(1, depth + 1):
        for i in range(depth - j + 1):
            yield i, j


def _key(i: int, j: int) -> str:
    return f"x{i}_{j}"
