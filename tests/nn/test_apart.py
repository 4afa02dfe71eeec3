"""Norms of maps apart are those of the joined ones, up-sampled: values, gradients and statistics."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from monaiseg.nn import Layers, PreActResidual, Upsampled, joined, norm_layer, resized
from monaiseg.nn import _apart as apart

LAST = {2: torch.channels_last, 3: torch.channels_last_3d}
SMALL = {2: (24, 20), 3: (8, 12, 10)}


def random(*shape: int) -> torch.Tensor:
    return (2 * torch.randn(shape, dtype=torch.float64) + 1).to(memory_format=LAST[len(shape) - 2])


def joints(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which the length of each map is added that is joined from now on."""
    seen: list[int] = []
    cat = torch.cat
    monkeypatch.setattr(torch, "cat", lambda maps, dim=0: seen.append(maps[0].shape[-1]) or cat(maps, dim=dim))
    return seen


def spread(module: nn.Module) -> nn.Module:
    """Return the module in float64, its norms with weights and statistics that differ from channel to channel."""
    for one in (*module.parameters(), *module.buffers()):
        if one.ndim == 1 and one.is_floating_point():
            nn.init.uniform_(one, 0.5, 2)
    return module.double()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("factor", [(2, 2, 2), (1, 3, 2), (1, 1, 1)])
@pytest.mark.parametrize("dims", [2, 3])
def test_a_residual_unit_computes_what_it_does_of_joined_maps(
    dims: int, factor: tuple[int, ...], norm: Any, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = spread(PreActResidual(dims, 12, 6, norm=norm)).train(training)
    plain = copy.deepcopy(unit)
    up = resized(factor[:dims], "nearest")
    x = random(3, 5, *SMALL[dims]).requires_grad_()
    size = [side * times for side, times in zip(SMALL[dims], factor, strict=False)]
    before, after = ([random(3, channels, *size).requires_grad_()] for channels in (4, 3))
    monkeypatch.setattr(apart, "FEWEST", 1)
    found = joined(unit, up, x, before, after)
    wanted = plain(torch.cat([*before, up(x), *after], dim=1))
    sides = [(found, unit), (wanted, plain)]
    gradients = [torch.autograd.grad(y.sin().sum(), [x, *before, *after, *net.parameters()]) for y, net in sides]
    for one, other in zip((found, *gradients[0]), (wanted, *gradients[1]), strict=True):
        assert (one - other).norm() <= 1e-11 * max(1, other.norm().item())
    for key, value in unit.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[key], rtol=1e-12, atol=0)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_large_maps_are_not_joined_and_stay_as_they_are(norm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    unit, up, x = PreActResidual(2, 8, 6, norm=norm).double(), resized((2, 2), "nearest"), random(1, 5, 32, 32)
    skip = random(1, 3, 64, 64)
    kept, seen = [x.clone(), skip.clone()], joints(monkeypatch)
    joined(unit.eval(), up, x, after=[skip])
    assert seen == []
    assert torch.equal(x, kept[0]) and torch.equal(skip, kept[1]), "the ReLU is to be of maps of its own"


class Other(nn.BatchNorm2d):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(input)


def frozen() -> nn.Module:
    norm = nn.BatchNorm2d(8)
    norm.track_running_stats = False
    return norm


def without_bias() -> nn.Module:
    norm = nn.BatchNorm2d(8)
    norm.register_parameter("bias", None)  # as torch's own `bias=False`, which 2.8 does not have
    return norm


def hooked() -> nn.Module:
    norm = nn.BatchNorm2d(8)
    norm.register_forward_hook(lambda module, x, y: y + 1)
    return norm


NORMS = {
    "no statistics": lambda: nn.BatchNorm2d(8, track_running_stats=False),
    "the mean of all batches": lambda: nn.BatchNorm2d(8, momentum=None),
    "nothing learned": lambda: nn.BatchNorm2d(8, affine=False),
    "over channels": lambda: norm_layer("group", 2, 8),
    "a stranger's": lambda: Other(8),
    "statistics that stay": frozen,
    "no bias": without_bias,
    "hooked": hooked,
}


@pytest.mark.parametrize("name", NORMS)
def test_other_norms_are_called(name: str) -> None:
    norm = NORMS[name]().double()
    layers, plain = Layers(norm, nn.ReLU()), copy.deepcopy(nn.Sequential(norm, nn.ReLU()))
    source = Upsampled(random(2, 5, 32, 32), (64, 64), "nearest", [random(2, 3, 64, 64)])
    assert torch.equal(layers(source), plain(source.whole()))
    assert all(torch.equal(value, plain.state_dict()[key]) for key, value in layers.state_dict().items())


@pytest.mark.parametrize(
    ("small", "mode", "joins"),
    [
        ((32, 32), "nearest", 0),
        ((8, 8), "nearest", 0),
        ((64, 64), "linear", 0),
        ((32, 32), "linear", 1),
        ((48, 48), "nearest", 1),
        ((1, 1), "nearest", 1),
    ],
)
def test_maps_are_normed_apart_where_they_are_copies(small, mode, joins, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ReLU is not that of places between which it changes its mind, one place has no variance, and not all places of
    a map by a broken factor are copied as often."""
    source = Upsampled(random(1, 5, *small), (64, 64), mode, [random(1, 3, 64, 64)])
    layers = Layers(norm_layer("batch", 2, 8), nn.ReLU(inplace=True), nn.Conv2d(8, 4, 3, padding=1)).double()
    wanted = copy.deepcopy(nn.Sequential(*layers))(source.whole())
    seen = joints(monkeypatch)
    torch.testing.assert_close(layers(source), wanted, rtol=1e-10, atol=1e-10)
    assert seen.count(64) == joins


def test_small_maps_are_joined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    unit, up, x = PreActResidual(2, 8, 6).double(), resized((2, 2), "nearest"), random(1, 5, 8, 8)
    seen = joints(monkeypatch)
    joined(unit, up, x, [random(1, 2, 16, 16)], [random(1, 1, 16, 16)])
    assert seen == [16]


@pytest.mark.parametrize("training", [True, False])
def test_in_bfloat16_it_is_as_near_as_the_joined_maps(training: bool) -> None:
    unit = PreActResidual(2, 12, 6).train(training)
    exact = copy.deepcopy(unit).double()
    plain, up = copy.deepcopy(unit), resized((2, 2), "nearest")
    x, skip = random(2, 5, 32, 32), random(2, 7, 64, 64)
    wanted = exact(torch.cat([up(x), skip], 1))
    with torch.autocast("cpu", torch.bfloat16):
        found = joined(unit, up, x.float(), after=[skip.float()])
        other = plain(torch.cat([up(x), skip], 1).float())
    assert (found - wanted).norm() <= 1.2 * (other - wanted).norm() <= 0.02 * wanted.norm()
    for key, value in unit.state_dict().items():
        torch.testing.assert_close(value, exact.state_dict()[key], rtol=1e-2, atol=1e-2, check_dtype=False)


@pytest.mark.parametrize("part", ["branch", "shortcut"])
def test_a_part_that_is_looked_at_is_given_a_tensor(part: str) -> None:
    unit, seen = PreActResidual(2, 8, 6).double(), []
    unit.get_submodule(part).register_forward_pre_hook(lambda module, x: seen.append(x[0].shape))
    unit(Upsampled(random(1, 5, 32, 32), (64, 64), "nearest", [random(1, 3, 64, 64)]))
    assert seen == [(1, 8, 64, 64)]
