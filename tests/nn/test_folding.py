"""In evaluation a batch norm is done by the convolution before it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monaiseg.nn import ConvNormAct
from monaiseg.nn._folding import folded


def unit(dims: int = 2, **options: object) -> ConvNormAct:
    module = ConvNormAct(dims, 4, 8, norm="batch", **options).double().eval()
    for key, value in module.state_dict().items():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5) if "running_var" in key else value.normal_()
    return module


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dims", [2, 3])
def test_it_is_the_same_function(dims: int, bias: bool) -> None:
    module, x = unit(dims, bias=bias), torch.randn(2, 4, *[8] * dims, dtype=torch.float64)
    with torch.no_grad():
        assert folded(module.conv, module.norm, x) is not None
        found = module(x)
    torch.testing.assert_close(found, module(x).detach(), rtol=1e-12, atol=1e-12)  # with gradients, one after the other


def test_weights_and_statistics_that_change_count_at_once() -> None:
    module, x = unit(), torch.randn(2, 4, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        before = module(x)
        module.norm.running_mean.data.add_(1)  # as some averagers of weights write, past torch's count of versions
        after = module(x)
        module.conv.weight.data.mul_(2)
        last = module(x)
    assert not torch.allclose(before, after) and not torch.allclose(after, last)
    torch.testing.assert_close(last, module(x).detach(), rtol=1e-12, atol=1e-12)


def test_where_nothing_is_folded() -> None:
    module = unit()
    conv, norm = module.conv, module.norm
    image, small = torch.zeros(1, 4, 16, 16), torch.zeros(1, 4, 5, 7)
    assert folded(conv, norm, image) is None, "with gradients"
    with torch.no_grad():
        assert folded(conv, norm, small) is None, "few places: the weights are more"
        assert folded(conv, norm.train(), image) is None, "in training"
        assert folded(conv, nn.BatchNorm2d(8, track_running_stats=False).eval(), image) is None
        assert folded(conv, nn.ReLU(), image) is None
        assert folded(conv, nn.BatchNorm2d(8, affine=False).double().eval(), image) is not None


def test_a_convolution_that_leaves_places_out_is_folded_by_what_it_gives() -> None:
    conv = nn.Conv2d(4, 8, 3, stride=2)
    with torch.no_grad():
        norm = nn.BatchNorm2d(8).eval()
        assert folded(conv, norm, torch.zeros(1, 4, 12, 12)) is not None, "36 places, as many as weights of a channel"
        assert folded(conv, norm, torch.zeros(1, 4, 10, 10)) is None
