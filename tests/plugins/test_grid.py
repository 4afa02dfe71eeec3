"""The grid's parameters that other networks use: widths a node, concat order, strided units, foreign encoders."""

import pytest
import torch
from segplug_unetpp._grid import EncoderColumn, NestedGrid, grid_nodes
from torch import nn


class Recorder(nn.Module):
    """A unit that keeps what it was given."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x):
        self.seen = x
        return x.mean(1, keepdim=True).expand(-1, self.channels, -1, -1)[..., :: self.stride, :: self.stride]


def up(a: int, b: int) -> tuple[nn.Module, int]:
    return nn.Upsample(scale_factor=2), a


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_each_node_finds_its_inputs_computed(depth):
    done = {(i, 0) for i in range(depth + 1)}
    for i, j in grid_nodes(depth):
        assert {(i, k) for k in range(j)} | {(i + 1, j - 1)} <= done
        done.add((i, j))
    assert done == {(i, j) for i in range(depth + 1) for j in range(depth + 1) if i + j <= depth}


@pytest.mark.parametrize("order", ["skips_first", "up_first"])
def test_order_and_widths_reach_the_nodes(order):
    widths = {(0, 0): 3, (1, 0): 5, (2, 0): 7, (0, 1): 2, (1, 1): 4, (0, 2): 6}
    grid = NestedGrid(2, lambda i, j: widths[i, j], lambda a, b, s: Recorder(b, s), up, order)
    maps = [torch.full((1, widths[i, 0], 8 // 2**i, 8 // 2**i), float(i + 1)) for i in range(3)]
    row = grid(maps)
    assert [x.shape[1] for x in row] == [2, 6]
    seen = grid.nodes["x0_1"].seen[0, :, 0, 0].tolist()
    assert seen == ([1.0] * 3 + [2.0] * 5 if order == "skips_first" else [2.0] * 5 + [1.0] * 3)
    assert grid.nodes["x0_2"].seen.shape[1] == 3 + 2 + 4


def test_a_column_without_pool_strides_its_units():
    column = EncoderColumn(3, (4, 5, 6), lambda a, b, s: Recorder(b, s), pool=None)
    assert [tuple(x.shape[1:]) for x in column(torch.zeros(1, 3, 16, 16))] == [(4, 16, 16), (5, 8, 8), (6, 4, 4)]
