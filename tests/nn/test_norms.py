"""Norms are torch's own in every order of memory, and their gradients too."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from monaiseg import build_network
from monaiseg.nn import norm_layer

LAST = {2: torch.channels_last, 3: torch.channels_last_3d}
ORDERS = (False, True)


def filled(norm: str, dims: int, channels: int) -> nn.Module:
    layer = norm_layer(norm, dims, channels).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def gradients(layer: nn.Module, x: torch.Tensor, gradient: torch.Tensor) -> list[torch.Tensor]:
    output = layer(x)
    return [output, *torch.autograd.grad(output, [x, *layer.parameters()], gradient)]


@pytest.mark.parametrize(("of_input", "of_gradient"), list(itertools.product(ORDERS, ORDERS)))
@pytest.mark.parametrize(("batch", "channels"), [(1, 1), (1, 4), (3, 1), (3, 4)])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["instance", "group"])
def test_values_and_gradients_in_any_order_of_memory(
    norm: str, dims: int, batch: int, channels: int, of_input: bool, of_gradient: bool
) -> None:
    """torch's instance norm gives others for one image whose gradient is in channels-last order."""
    layer = filled(norm, dims, channels)
    x, gradient = (torch.randn(batch, channels, *(6, 5, 4)[:dims], dtype=torch.float64) for _ in range(2))
    plain = nn.InstanceNorm2d(channels, affine=True) if dims == 2 else nn.InstanceNorm3d(channels, affine=True)
    plain = plain.double() if norm == "instance" else nn.GroupNorm(layer.num_groups, channels).double()
    plain.load_state_dict(layer.state_dict())
    expected = gradients(plain, x.clone().requires_grad_(), gradient)
    x = x.to(memory_format=LAST[dims] if of_input else torch.contiguous_format).requires_grad_()
    gradient = gradient.to(memory_format=LAST[dims] if of_gradient else torch.contiguous_format)
    for found, wanted in zip(gradients(layer, x, gradient), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("last", ORDERS)
@pytest.mark.parametrize("size", [(256, 256), (64, 64, 64)])
def test_instance_norm_keeps_its_digits_over_large_maps(size: tuple[int, ...], last: bool) -> None:
    """Group norm in channels-last order has 5e-5 here."""
    x = torch.randn(1, 2, *size) * 2 + 3
    layer = norm_layer("instance", len(size), 2)
    with torch.no_grad():
        found = layer(x.to(memory_format=LAST[len(size)]) if last else x)
    wanted = F.instance_norm(x.double())
    assert (found - wanted).norm() < 5e-7 * wanted.norm()


@pytest.mark.parametrize("last", ORDERS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [(64, 64), (16, 16, 16)])
def test_instance_norm_in_half_the_length_is_right_to_its_rounding(size, dtype: torch.dtype, last: bool) -> None:
    layer = filled("instance", len(size), 4)
    x, gradient = ((torch.randn(2, 4, *size) * 2 + 3).to(dtype) for _ in range(2))
    expected = gradients(layer, x.double().requires_grad_(), gradient.double())
    if last:
        x, gradient = (one.to(memory_format=LAST[len(size)]) for one in (x, gradient))
    found = gradients(layer.float(), x.requires_grad_(), gradient)
    assert found[0].dtype == found[1].dtype == dtype
    for one, wanted in zip(found, expected, strict=True):
        assert (one - wanted).norm() < torch.finfo(dtype).eps * wanted.norm()


@pytest.mark.parametrize("norm", ["instance", "group"])
@pytest.mark.parametrize("channels", [1, 8])
@pytest.mark.parametrize("batch", [1, 2])
def test_the_norm_of_an_image_in_channels_last_order_is_trained(norm: str, channels: int, batch: int) -> None:
    """torch's group norm ends the process there, over small maps of what needs no gradient."""
    layer, x = filled(norm, 2, channels), torch.randn(batch, channels, 2, 2, dtype=torch.float64)
    layer(x.to(memory_format=torch.channels_last)).square().sum().backward()
    found = [parameter.grad for parameter in layer.parameters()]
    wanted = torch.autograd.grad(layer(x.clone()).square().sum(), list(layer.parameters()))
    torch.testing.assert_close(found, list(wanted))


@pytest.mark.parametrize("norm", ["instance", "group"])
@pytest.mark.parametrize("name", ["unet", "unetpp", "unet3p", "resunetpp", "residual_unetpp"])
def test_one_grey_image_trains_a_network_alike_in_both_orders(name: str, norm: str) -> None:
    network = build_network(
        name,
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        arch_options={"norm": norm, "features": (16, 16, 16, 16, 16)},
    )
    x, found = torch.randn(1, 1, 64, 64), []
    for order in (torch.contiguous_format, torch.channels_last):
        network.to(memory_format=order).zero_grad()
        network(x.to(memory_format=order)).square().mean().backward()
        found.append(torch.cat([parameter.grad.flatten() for parameter in network.parameters()]))
    assert (found[0] - found[1]).norm() < 0.02 * found[0].norm()  # rounding makes 0.002 of it; wrong ones make 0.8
