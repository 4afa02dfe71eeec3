"""A sliding window put together strip by strip gives what MONAI's gives."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.data.meta_tensor import MetaTensor
from monai.inferers import SlidingWindowInferer
from torch import nn

from monaiseg.engine import StripInferer, labels

LAST = {2: torch.channels_last, 3: torch.channels_last_3d}
SIZES = [((33, 47), (16, 16)), ((10, 50), (16, 24)), ((16, 16), (16, 16)), ((5, 6), (8, 8))]
SIZES += [((20, 17, 9), (8, 8, 8)), ((7, 30, 12), (8, -1, 8))]


def network(dims: int, classes: int) -> nn.Module:
    return (nn.Conv2d if dims == 2 else nn.Conv3d)(2, classes, 3, padding=1).requires_grad_(False)


def assert_same(x: torch.Tensor, net: nn.Module, **options: object) -> None:
    wanted, found = SlidingWindowInferer(**options)(x, net), StripInferer(**options)(x, net)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    assert (found - wanted).norm() <= 1e-6 * wanted.norm()
    numbers = StripInferer(**options, emit=labels)(x, net)
    best, chosen = wanted.amax(1, keepdim=True), wanted.gather(1, numbers.long())
    assert numbers.dtype == torch.uint8 and (best - chosen).max() <= 1e-6 * wanted.abs().max(), "but where two are even"


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize(("size", "roi"), SIZES)
def test_it_is_monais_window(size: tuple[int, ...], roi: tuple[int, ...], classes: int, last: bool) -> None:
    dims = len(size)
    net, order = network(dims, classes), LAST[dims] if last else torch.contiguous_format
    net.to(memory_format=order)
    choices = itertools.product((1, 2), (0, 0.25, 0.8), ("constant", "gaussian"), (1, 3, 100))
    for batch, overlap, mode, count in choices:
        x = torch.randn(batch, 2, *size).to(memory_format=order)
        options = {"roi_size": roi, "sw_batch_size": count, "overlap": overlap, "mode": mode}
        assert_same(x, net, **options, padding_mode="replicate")


@given(st.data())
def test_it_is_monais_window_at_any_size(data: st.DataObject) -> None:
    dims = data.draw(st.sampled_from([2, 3]))
    sides = st.tuples(*[st.integers(1, 24)] * dims)
    overlap = data.draw(st.tuples(*[st.floats(0, 0.9)] * dims))
    x, classes = torch.randn(1, 2, *data.draw(sides)), data.draw(st.sampled_from([1, 2]))
    assert_same(x, network(dims, classes), roi_size=data.draw(sides), overlap=overlap, mode="gaussian", cval=0.5)


def test_it_holds_a_strip_and_not_the_image() -> None:
    seen: list[int] = []

    def emit(rows: torch.Tensor) -> torch.Tensor:
        seen.append(rows.shape[2])
        return rows > 0

    x = torch.randn(1, 2, 200, 16)
    found = StripInferer((16, 16), overlap=0.5, emit=emit)(x, network(2, 1))
    assert found.dtype == torch.bool and sum(seen) == 200 and max(seen) == 16


@pytest.mark.parametrize("outputs", [tuple, lambda maps: dict(enumerate(maps))])
def test_several_outputs_are_put_together_by_monai(outputs) -> None:
    net, x = network(2, 2), torch.randn(1, 2, 30, 20)
    double = lambda image: outputs([net(image), 2 * net(image)])  # noqa: E731
    wanted, found = (kind((16, 16))(x, double) for kind in (SlidingWindowInferer, StripInferer))
    torch.testing.assert_close(found, wanted)


def test_outputs_of_another_size_coordinates_and_gradients() -> None:
    net, x = network(2, 2), torch.randn(1, 2, 32, 32)
    finer = nn.Sequential(net, nn.Upsample(scale_factor=2))
    torch.testing.assert_close(StripInferer((16, 16))(x, finer), SlidingWindowInferer((16, 16))(x, finer))
    told = [
        kind((16, 16), with_coord=True)(x, lambda image, at: net(image))
        for kind in (SlidingWindowInferer, StripInferer)
    ]
    torch.testing.assert_close(*told)
    net.requires_grad_(True)
    StripInferer((16, 16))(x, net).sum().backward()
    assert net.weight.grad is not None
    wanted, found = (x.clone().requires_grad_() for _ in range(2))
    for kind, image in ((SlidingWindowInferer, wanted), (StripInferer, found)):
        kind((16, 16))(image, net.requires_grad_(False)).square().sum().backward()
    torch.testing.assert_close(found.grad, wanted.grad)


def test_several_outputs_have_no_labels() -> None:
    with pytest.raises(TypeError, match="emit is done to a tensor, and the network gives a tuple; leave it out"):
        StripInferer((16, 16), emit=labels)(torch.randn(1, 2, 32, 32), lambda image: (image, image))


def test_what_is_known_of_an_image_goes_with_its_result() -> None:
    image = MetaTensor(torch.randn(1, 2, 20, 20), meta={"filename_or_obj": "a.png"})
    found = StripInferer((16, 16))(image, network(2, 1))
    assert isinstance(found, MetaTensor) and found.meta["filename_or_obj"] == "a.png"


def test_arguments_reach_the_network() -> None:
    x = torch.randn(1, 1, 20, 20)
    found = StripInferer((16, 16))(x, lambda image, plus, times: image * times + plus, 1, times=2)
    torch.testing.assert_close(found, x * 2 + 1)


def test_an_overlap_that_is_none() -> None:
    with pytest.raises(ValueError, match="overlap must be"):
        StripInferer((16, 16), overlap=1.0)(torch.zeros(1, 1, 20, 20), network(2, 1))
