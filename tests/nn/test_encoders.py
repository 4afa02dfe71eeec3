"""The plain encoder and what networks ask of any encoder."""

import pytest
import torch
from torch import nn

from monaiseg.nn import DoubleConv, PlainEncoder, steps_between


def unit(a, b, stride):
    return DoubleConv(2, a, b, stride=stride, norm=None)


def test_levels_are_pooled_from_the_one_before():
    encoder = PlainEncoder(2, 3, (4, 5, 6), unit)
    x = torch.randn(1, 3, 16, 24)
    maps = encoder(x)
    assert torch.equal(maps[0], encoder.units[0](x))
    assert torch.equal(maps[2], encoder.units[2](nn.functional.max_pool2d(maps[1], 2)))
    assert (encoder.out_channels, encoder.strides) == ((4, 5, 6), (1, 2, 4))


def test_without_pool_the_units_stride():
    encoder = PlainEncoder(2, 3, (4, 5, 6), unit, pool=False)
    assert [tuple(x.shape[1:]) for x in encoder(torch.zeros(1, 3, 16, 16))] == [(4, 16, 16), (5, 8, 8), (6, 4, 4)]
    assert not any(isinstance(module, nn.MaxPool2d) for module in encoder.modules())


@pytest.mark.parametrize("pool", [True, False])
def test_steps_a_level_and_axis(pool):
    encoder = PlainEncoder(2, 1, (2, 2, 2), unit, steps=[[1, 2], 4], pool=pool)
    assert [tuple(x.shape[2:]) for x in encoder(torch.zeros(1, 1, 16, 16))] == [(16, 16), (16, 8), (4, 2)]
    assert encoder.strides == (1, (1, 2), (4, 8))
    assert steps_between(encoder, 2) == [(1, 1), (1, 2), (4, 4)]


def test_levels_can_be_dropped():
    encoder = PlainEncoder(2, 1, (2, 3, 4), unit)
    whole = encoder(torch.ones(1, 1, 8, 8))
    encoder.keep_levels(2)
    left = encoder(torch.ones(1, 1, 8, 8))
    assert len(left) == 2
    assert torch.equal(left[1], whole[1])
    assert (encoder.out_channels, encoder.strides) == ((2, 3), (1, 2))


def test_as_many_strides_as_levels_are_refused():
    with pytest.raises(ValueError, match="strides has 3 entries; 3 features need 2"):
        PlainEncoder(2, 1, (2, 3, 4), unit, steps=(2, 2, 2))
