"""A convolution of a map that is yet to be up-sampled is that of the up-sampled one, by whichever way."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from monaiseg.nn import ConvNormAct, DoubleConv, Layers, Upsampled, joined, resized
from monaiseg.nn import _convolving as ways

LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


def convolution(dims: int, in_channels: int, out_channels: int = 3, **options: object) -> nn.Module:
    settings = {"kernel_size": 3, "padding": 1, **options}
    layer = (nn.Conv2d if dims == 2 else nn.Conv3d)(in_channels, out_channels, **settings)
    return layer.double()


def plain(way: object) -> object:
    return way.func if isinstance(way, partial) else way


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 12)), min_size=2, max_size=3), st.booleans())
def test_mixing_first_is_the_same_at_any_size(sides: list[tuple[int, int]], aligned: bool) -> None:
    small, large = zip(*sides, strict=True)
    conv, x = convolution(len(sides), 4), random(2, 4, *small)
    wanted = conv(Upsampled(x, large, "linear_aligned" if aligned else "linear").whole())
    found = ways._mixed_first(x, conv.weight, large, aligned) + conv.bias.reshape(-1, *[1] * len(sides))
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from([1, 2])), min_size=2, max_size=3))
def test_the_transposed_convolution_is_the_same_at_any_size(sides: list[tuple[int, int]]) -> None:
    small = tuple(side for side, _ in sides)
    large = tuple(side * factor for side, factor in sides)
    conv, x = convolution(len(sides), 4, bias=False), random(2, 4, *small)
    wanted = conv(Upsampled(x, large, "nearest").whole())
    torch.testing.assert_close(ways._transposed(x, conv.weight, large), wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mode", ["nearest", "linear", "linear_aligned"])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("before", "after", "summed"), [(0, 0, 1), (2, 0, 1e9), (2, 0, 1), (0, 3, 1e9), (1, 2, 1)])
def test_values_and_gradients_among_other_maps(
    dims: int, mode: str, before: int, after: int, summed: float, monkeypatch
) -> None:
    monkeypatch.setattr(ways, "FEWEST_SUMMED", summed)
    taken = ways._cheaper_way
    monkeypatch.setattr(ways, "_cheaper_way", lambda conv, x: used.append(taken(conv, x)) or used[-1])
    monkeypatch.setattr(ways, "FEWEST", 1)
    used: list[object] = []
    factor = 2 if mode == "nearest" else 8
    x = random(2, 64, *[4] * dims).to(memory_format=LAST[dims]).requires_grad_()
    size = (4 * factor,) * dims
    maps = [random(2, 5, *size).to(memory_format=LAST[dims]).requires_grad_() for _ in range(before + after)]
    conv = convolution(dims, 64 + 5 * len(maps))
    source = Upsampled(x, size, mode, maps[:before], maps[before:])
    learned = [x, *maps, *conv.parameters()]
    outputs = [ways.convolve(conv, source, conv.weight, conv.bias), conv(source.whole())]
    way = ways._transposed if mode == "nearest" else ways._mixed_first
    assert [plain(one) for one in used] == [way], "the plain way is not what is tried"
    found, wanted = ([y, *torch.autograd.grad(y.square().sum(), learned)] for y in outputs)
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).norm() <= 1e-12 * other.norm()


@pytest.mark.parametrize(
    ("x", "size", "mode", "out_channels", "way"),
    [
        ((1, 1024, 16, 16), (256, 256), "linear", 64, ways._mixed_first),
        ((1, 320, 64, 64), (256, 256), "linear", 64, ways._mixed_first),
        ((1, 320, 128, 128), (256, 256), "linear", 64, None),
        ((1, 64, 128, 128), (256, 256), "linear", 32, None),
        ((1, 512, 16, 16), (32, 32), "linear_aligned", 256, ways._mixed_first),
        ((1, 64, 128, 128), (256, 256), "linear_aligned", 32, None),
        ((1, 64, 128, 128), (256, 256), "nearest", 32, ways._transposed),
        ((2, 64, 16, 16), (32, 32), "nearest", 32, ways._transposed),
        ((1, 512, 8, 8), (16, 16), "nearest", 256, None),
        ((1, 64, 64, 64), (192, 192), "nearest", 32, None),
        ((1, 64, 64, 64), (64, 64), "linear", 32, None),
    ],
)
def test_the_way_taken_is_the_cheaper_one(x, size, mode, out_channels, way) -> None:
    """As measured: mixing first loses at twice the size, where the shifts cost what it saves, and a transposed
    convolution where the map is small and its kernel large."""
    conv = nn.Conv2d(x[1], out_channels, 3, padding=1, device="meta")
    source = Upsampled(torch.empty(x, memory_format=torch.channels_last), size, mode)
    assert plain(ways._cheaper_way(conv, source)) is way


@pytest.mark.parametrize(("side", "mode"), [(32, "nearest"), (16, "linear_aligned")])
def test_in_half_the_length_convolutions_are_faster(side: int, mode: str) -> None:
    conv = nn.Conv2d(128, 64, 3, padding=1, device="meta")
    x = torch.empty(1, 128, side, side, memory_format=torch.channels_last)
    sources = [Upsampled(x.to(dtype), (2 * side, 2 * side), mode) for dtype in (torch.float32, torch.bfloat16)]
    assert [ways._cheaper_way(conv, source) is None for source in sources] == [False, True]


@pytest.mark.parametrize("mode", ["nearest", "linear", "linear_aligned"])
@pytest.mark.parametrize("dims", [2, 3])
def test_the_gradient_of_an_up_sampling_has_no_gaps(dims: int, mode: str, monkeypatch) -> None:
    """With gaps, as a part of joined maps has, torch takes ten times as long."""
    seen: list[bool] = []

    def interpolate(*args: object, **options: object) -> torch.Tensor:
        y = resize(*args, **options)
        y.grad_fn.register_prehook(lambda gradients: seen.append(gradients[0].is_contiguous(memory_format=LAST[dims])))
        return y

    resize = F.interpolate
    x = random(2, 4, *[4] * dims).to(memory_format=LAST[dims]).requires_grad_()
    skip = random(2, 3, *[8] * dims).to(memory_format=LAST[dims])
    wanted = Upsampled(x, (8,) * dims, mode, [skip]).whole()
    monkeypatch.setattr(F, "interpolate", interpolate)
    found = Upsampled(x, (8,) * dims, mode, [skip]).whole()
    gradients = [torch.autograd.grad(y.square().sum(), x)[0] for y in (found, wanted)]
    assert torch.equal(*gradients)
    assert seen == [True]


@pytest.mark.parametrize(
    "options",
    [{}, {"bias": False}, {"padding_mode": "replicate"}, {"groups": 2}, {"stride": 2}, {"dilation": 2, "padding": 2}],
)
@pytest.mark.parametrize(("side", "mode"), [(64, "linear_aligned"), (64, "nearest"), (16, "linear_aligned")])
def test_large_maps_are_convolved_without_being_joined(options: dict, side: int, mode: str, monkeypatch) -> None:
    joins: list[int] = []
    cat = torch.cat
    monkeypatch.setattr(torch, "cat", lambda maps, dim: joins.append(maps[0].shape[-1]) or cat(maps, dim=dim))
    conv = convolution(2, 16, 6, **options)
    up = random(1, 4, side // 2, side // 2).to(memory_format=torch.channels_last).requires_grad_()
    maps = [random(1, channels, side, side).requires_grad_() for channels in (2, 3, 7)]
    source = Upsampled(up, (side, side), mode, maps[:1], maps[1:])
    found = ways.convolve(conv, source, conv.weight, conv.bias)
    apart = side == 64 and not {"groups", "stride", "dilation"} & set(options)
    assert joins == ([] if apart else [side])
    learned = [up, *maps, *conv.parameters()]
    found, wanted = ([y, *torch.autograd.grad(y.square().sum(), learned)] for y in (found, conv(source.whole())))
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).norm() <= 1e-12 * other.norm()


@pytest.mark.parametrize(
    "options", [{"stride": 2}, {"dilation": 2, "padding": 2}, {"groups": 2}, {"padding_mode": "replicate"}]
)
def test_other_convolutions_are_done_as_they_are(options: dict[str, object]) -> None:
    conv, x = convolution(2, 64, 4, **options), random(1, 64, 4, 4)
    source = Upsampled(x, (64, 64), "linear")
    assert torch.equal(ways.convolve(conv, source, conv.weight, conv.bias), conv(source.whole()))


@pytest.mark.parametrize("mode", ["nearest", "linear", "linear_aligned"])
@pytest.mark.parametrize("dims", [2, 3])
def test_a_convolution_of_one_place_is_done_before_the_up_sampling(dims: int, mode: str) -> None:
    conv = convolution(dims, 7, kernel_size=1, padding=0)
    x, skip = random(2, 5, *[6] * dims).requires_grad_(), random(2, 2, *[18] * dims).requires_grad_()
    source, learned = Upsampled(x, (18,) * dims, mode, after=[skip]), [x, skip, *conv.parameters()]
    assert plain(ways._cheaper_way(conv, source)) is ways._resized_after
    outputs = ways.convolve(conv, source, conv.weight, conv.bias), conv(source.whole())
    found, wanted = ([y, *torch.autograd.grad(y.square().sum(), learned)] for y in outputs)
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).norm() <= 1e-12 * other.norm()


def test_a_strangers_unit_gets_the_joined_tensor() -> None:
    up, x, skip = resized((2, 2), "nearest"), random(1, 4, 3, 3), random(1, 2, 6, 6)
    assert torch.equal(joined(nn.Identity(), up, x, [skip]), torch.cat([skip, up(x)], 1))
    assert torch.equal(joined(nn.Identity(), up, x, after=[skip]), torch.cat([up(x), skip], 1))


@pytest.mark.parametrize("kind", ["nearest", "bilinear", "bilinear_aligned"])
@pytest.mark.parametrize("unit", [ConvNormAct, DoubleConv])
def test_units_take_what_is_yet_to_be_up_sampled(unit: type, kind: str) -> None:
    up, x = resized((2, 2), kind), random(2, 8, 5, 7).to(memory_format=torch.channels_last)
    skip = random(2, 3, 10, 14).to(memory_format=torch.channels_last)
    module = unit(2, 11, 4).double()
    torch.testing.assert_close(joined(module, up, x, [skip]), module(torch.cat([skip, up(x)], 1)))
    alone = Layers(up, unit(2, 8, 4), nn.Sigmoid()).double()
    torch.testing.assert_close(alone(x), torch.sigmoid(alone[1](up(x))))


@pytest.mark.parametrize(
    "up", [nn.Upsample(scale_factor=1.5), nn.Upsample(size=(9, 4)), nn.Upsample(scale_factor=2), nn.Sigmoid()]
)
def test_up_samplings_of_any_kind(up: nn.Module) -> None:
    x = random(1, 2, 5, 7)
    assert torch.equal(Upsampled.by(up, x).whole(), up(x))
