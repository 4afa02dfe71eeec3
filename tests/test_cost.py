"""What a network costs, against published multiply-adds and memory counted by hand."""

import pytest
import torch
from torch import nn

from monaiseg import cost
from monaiseg.cost import cost_of

IMAGE = dict(spatial_dims=2, in_channels=3, size=(256, 256), latency=False)
NESTED_UNET = dict(features=(32, 64, 128, 256, 512), upsample="bilinear_aligned", bias=True)


@pytest.mark.parametrize(
    ("name", "options", "gmacs"),
    [
        ("unet", NESTED_UNET, 13.950),
        ("unetpp", NESTED_UNET, 34.486),
        ("unet3p", {"bias": True}, 197.652),
        ("unet", {"encoder": "resnet34"}, 7.814),
        ("unetpp", {"encoder": "resnet50"}, 57.441),
    ],
)
def test_multiply_adds_are_the_published_ones(name, options, gmacs):
    assert cost_of(name, **IMAGE, **options).gmacs == pytest.approx(gmacs, abs=5e-4)


def test_memory_is_what_is_alive_at_one_time():
    """A convolution to 4 channels, ReLU in place, one to 2: at most the image, 4 and 2 maps are alive."""
    net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1), nn.Conv2d(2, 1, 1))
    live = cost._LiveBytes()
    with torch.no_grad(), live:
        net(torch.zeros(1, 1, 64, 64, device="cpu"))
    plane = 4 * 64 * 64
    assert live.peak == plane * (1 + 4 + 2)
    assert live.alive == 0


def test_parameters_and_time():
    got = cost_of("unetpp", spatial_dims=3, in_channels=1, size=(16, 16, 16), features=(2, 4, 8))
    assert got.latency_ms > 0
    assert cost_of("unetpp", **IMAGE).latency_ms is None
    assert cost_of("unetpp", **IMAGE).parameters == 9_045_825
    frozen = cost_of("unet", **IMAGE, encoder="resnet18", freeze=True)
    assert frozen.parameters == 14_328_209 - 11_176_512, "trainable ones"
