"""The UNet: exact parameter counts (Ronneberger 2015 as everyone builds it), shapes, any size."""

import pytest
import torch

from monaiseg import build_network
from monaiseg.errors import OptionError

RGB = dict(spatial_dims=2, in_channels=3, out_channels=1)
GREY = dict(spatial_dims=2, in_channels=1, out_channels=1)
VOLUME = dict(spatial_dims=3, in_channels=1, out_channels=1)
NARROW = (32, 64, 128, 256, 512)


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RGB, 31_037_633),
        (dict(RGB, features=NARROW, upsample="bilinear_aligned", bias=True), 7_852_545),
        (dict(GREY, features=NARROW, norm=None), 7_759_521),
        (VOLUME, 22_578_273),
    ],
    ids=["default", "nested-unet", "official baseline", "3D"],
)
def test_parameters_are_the_published_ones(options, expected):
    assert parameters(build_network("unet", **options)) == expected


@pytest.mark.parametrize("size", [(64, 48), (33, 50), (16, 16), (5, 7)])
def test_any_size_gives_logits_of_that_size(size):
    network = build_network("unet", **RGB, features=(4, 8, 16)).eval()
    assert network(torch.randn(2, 3, *size)).shape == (2, 1, *size)


def test_volumes():
    network = build_network("unet", **VOLUME, features=(4, 8, 16), upsample="bilinear")
    assert network(torch.randn(1, 1, 9, 10, 12)).shape == (1, 1, 9, 10, 12)


def test_two_levels_by_hand():
    """Two levels of 1 channel without norm are computed step by step, so that wiring and order cannot drift."""
    net = build_network("unet", spatial_dims=2, in_channels=1, out_channels=1, features=(1, 2), norm=None).eval()
    x = torch.randn(1, 1, 8, 8)
    skip = net.encoder.units[0](x)
    deep = net.encoder.units[1](torch.nn.functional.max_pool2d(skip, 2))
    expected = net.head(net.decoder.units[0](torch.cat([net.decoder.upsample[0](deep), skip], dim=1)))
    assert torch.equal(net(x), expected)


def test_one_level_is_refused():
    with pytest.raises(OptionError, match="at least 2 levels"):
        build_network("unet", **RGB, features=(8,))


def test_unknown_upsampling_is_refused():
    with pytest.raises(OptionError, match="bilinear_aligned"):
        build_network("unet", **RGB, upsample="cubic")
