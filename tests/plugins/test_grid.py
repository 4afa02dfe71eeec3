"""The grid's parameters that other networks use: widths a node, concat order, pruning."""

import pytest
import torch
from segplug_unetpp._grid import NestedGrid, grid_nodes
from torch import nn


class Recorder(nn.Module):
    """A unit that keeps what it was given."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x):
        self.seen = x
        return x.mean(1, keepdim=True).expand(-1, self.channels, -1, -1)[..., :: self.stride, :: self.stride]


def up(a: int, b: int, factor: int | tuple[int, int]) -> tuple[nn.Module, int]:
    return nn.Upsample(scale_factor=factor), a


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_each_node_finds_its_inputs_computed(depth):
    done = {(i, 0) for i in range(depth + 1)}
    for i, j in grid_nodes(depth):
        assert {(i, k) for k in range(j)} | {(i + 1, j - 1)} <= done
        done.add((i, j))
    assert done == {(i, j) for i in range(depth + 1) for j in range(depth + 1) if i + j <= depth}


WIDTHS = {(0, 0): 3, (1, 0): 5, (2, 0): 7, (0, 1): 2, (1, 1): 4, (0, 2): 6}


def grid_and_maps(order: str) -> tuple[NestedGrid, list[torch.Tensor]]:
    """A grid of depth 2 whose encoder's map of level i is full of i + 1."""
    grid = NestedGrid([2, 2], lambda i, j: WIDTHS[i, j], lambda a, b, s: Recorder(b, s), up, order)
    return grid, [torch.full((1, WIDTHS[i, 0], 8 // 2**i, 8 // 2**i), float(i + 1)) for i in range(3)]


@pytest.mark.parametrize(
    ("order", "pieces"),
    [
        ("skips_first", ["x00", "x01", "up"]),
        ("up_first", ["up", "x00", "x01"]),
        ("up_first_latest_skip_first", ["up", "x01", "x00"]),
    ],
)
def test_order_and_widths_reach_the_nodes(order, pieces):
    grid, maps = grid_and_maps(order)
    row = grid(maps)
    assert [x.shape[1] for x in row] == [2, 6] == grid.out_channels
    expected = {"x00": maps[0], "x01": row[0], "up": grid.up["x0_2"](grid.nodes["x1_1"](grid.nodes["x1_1"].seen))}
    assert torch.equal(grid.nodes["x0_2"].seen, torch.cat([expected[piece] for piece in pieces], dim=1))


def test_factors_differ_by_level():
    grid = NestedGrid([(1, 2), 2], lambda i, j: 2, lambda a, b, s: Recorder(b, s), up)
    row = grid([torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 8, 4), torch.zeros(1, 2, 4, 2)])
    assert [tuple(x.shape[2:]) for x in row] == [(8, 8)] * 2


def test_pruning_drops_what_the_row_does_not_need():
    grid, maps = grid_and_maps("skips_first")
    whole = grid(maps)
    grid.prune(1)
    assert set(grid.nodes) == set(grid.up) == {"x0_1"}
    (left,) = grid(maps)
    assert torch.equal(left, whole[0])
