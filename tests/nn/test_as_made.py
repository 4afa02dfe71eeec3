"""Layers that somebody looks at, prunes or replaces are called, and not computed by another way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from monaiseg.nn import ConvNormAct, Layers, Upsampled, joined, upsampling

Watch = Callable[[nn.Module, list[nn.Module]], object]
WATCHES: dict[str, Watch] = {
    "forward": lambda layer, seen: layer.register_forward_hook(lambda module, x, y: seen.append(module)),
    "before": lambda layer, seen: layer.register_forward_pre_hook(lambda module, x: seen.append(module)),
}


@pytest.mark.parametrize("watch", WATCHES)
@pytest.mark.parametrize("name", ["conv", "norm"])
def test_a_hook_is_called_in_evaluation(name: str, watch: str) -> None:
    unit, seen = ConvNormAct(2, 3, 4).eval(), []
    layer = unit.get_submodule(name)
    WATCHES[watch](layer, seen)
    with torch.no_grad():
        unit(torch.randn(1, 3, 16, 16))
    assert seen == [layer]


def test_gradients_of_a_layer_are_told() -> None:
    unit, seen = ConvNormAct(2, 3, 4, act=("relu", {"inplace": False})), []
    unit.conv.register_full_backward_hook(lambda module, x, y: seen.append(y[0].shape))
    unit(Upsampled(torch.randn(1, 3, 4, 4, requires_grad=True), (32, 32), "linear")).sum().backward()
    assert seen == [(1, 4, 32, 32)]


def test_a_pruned_layer_stays_pruned() -> None:
    unit = ConvNormAct(2, 3, 4).eval()
    prune.random_unstructured(unit.conv, "weight", 0.5)
    with torch.no_grad():
        unit.conv.weight_orig += 1  # from which the hook makes the weight anew at each call
        found = unit(torch.ones(1, 3, 16, 16))
        weight = unit.conv.weight_orig * unit.conv.weight_mask
        wanted = unit.act(unit.norm(nn.functional.conv2d(torch.ones(1, 3, 16, 16), weight, padding=1)))
    torch.testing.assert_close(found, wanted)


def test_another_layer_in_its_place_is_called() -> None:
    unit = ConvNormAct(2, 8, 4, norm=None)
    unit.conv = nn.Identity()
    x = torch.rand(1, 8, 2, 2)
    assert torch.equal(unit(Upsampled(x, (16, 16), "nearest")), nn.Upsample(scale_factor=8)(x))


def test_the_convolution_of_an_up_sampling_is_called_where_it_is_looked_at() -> None:
    up, _ = upsampling("nearest_conv", 2, 8, 4)
    seen: list[nn.Module] = []
    WATCHES["forward"](up[1], seen)
    up(torch.randn(1, 8, 4, 4).to(memory_format=torch.channels_last))
    assert seen == [up[1]]


class Doubled(nn.BatchNorm2d):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(input)


class Flipped(nn.Upsample):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input).flip(-1)


class Halved(ConvNormAct):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert isinstance(x, torch.Tensor), "a stranger's unit knows of tensors alone"
        return super().forward(x) / 2


@pytest.mark.parametrize("grad", [True, False])
def test_subclasses_that_compute_something_else_are_called(grad: bool) -> None:
    norm = Doubled(4)
    up, conv, unit = Flipped(scale_factor=2.0), nn.Conv2d(3, 4, 3, padding=1), Halved(2, 4, 5)
    plain, ours = (kind(up, conv, norm, unit).eval() for kind in (nn.Sequential, Layers))
    x, skip = torch.randn(1, 3, 8, 8), torch.randn(1, 1, 16, 16)
    with torch.set_grad_enabled(grad):
        torch.testing.assert_close(ours(x), plain(x))
        taken = joined(unit, up, x, [skip])
        torch.testing.assert_close(taken, unit(torch.cat([skip, up(x)], 1)))


@pytest.mark.parametrize("name", ["conv", "norm"])
def test_a_forward_that_was_replaced_is_called(name: str) -> None:
    unit, x = ConvNormAct(2, 3, 4).eval(), torch.randn(1, 3, 16, 16)
    layer = unit.get_submodule(name)
    own = layer.forward
    layer.forward = lambda x: own(x) + 100
    with torch.no_grad():
        torch.testing.assert_close(unit(x), nn.Sequential(*unit)(x))
