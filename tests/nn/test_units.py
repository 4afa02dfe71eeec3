"""Residual units by hand, and the up-samplings."""

import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from monaiseg.nn import PreActResidual, narrow_strided, resized, upsampling


@pytest.mark.parametrize("stride", [1, 2])
def test_a_residual_unit_by_hand(stride):
    unit = PreActResidual(2, 3, 4, stride=stride).eval()
    norm1, _, conv1, norm2, _, conv2 = unit.branch
    x = torch.randn(2, 3, 8, 8)
    branch = conv2(F.relu(norm2(conv1(F.relu(norm1(x))))))
    shortcut = unit.shortcut[1](F.conv2d(x, unit.shortcut[0].weight, unit.shortcut[0].bias, stride=stride))
    torch.testing.assert_close(unit(x), branch + shortcut)
    assert unit(x).min() < 0, "nothing after the sum"


def test_a_residual_unit_leaves_its_input_alone():
    x = torch.randn(1, 3, 8, 8)
    before = x.clone()
    PreActResidual(2, 3, 4, norm=None)(x)
    assert torch.equal(x, before), "the first ReLU must not work in place"


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("factor", [2, 4, "anisotropic"])
@pytest.mark.parametrize("kind", ["deconv", "nearest", "nearest_conv", "bilinear", "bilinear_aligned"])
def test_upsampling_multiplies_each_side(kind, factor, dims):
    factor = (1, 2, 4)[:dims] if factor == "anisotropic" else factor
    each = factor if isinstance(factor, tuple) else (factor,) * dims
    up, channels = upsampling(kind, dims, 6, 4, factor)
    x = torch.randn(1, 6, *(3, 4, 5)[:dims])
    assert up(x).shape == (1, channels, *(f * s for f, s in zip(each, x.shape[2:], strict=True)))
    assert channels == (4 if kind in ("deconv", "nearest_conv") else 6)


@pytest.mark.parametrize("kind", ["nearest", "bilinear"])
def test_resizing_is_torchs(kind):
    x = torch.randn(1, 2, 3, 5)
    expected = F.interpolate(x, scale_factor=2, mode=kind)
    assert torch.equal(resized((2, 2), kind)(x), expected)


def test_learned_upsampling_without_bias():
    assert upsampling("deconv", 2, 4, 2, bias=False)[0].bias is None


@pytest.mark.parametrize(("norm", "stride", "size"), [("batch", 2, 128), ("group", 1, 32), ("group", 1, 128)])
def test_a_narrow_unit_on_an_image_can_be_trained_in_channels_last(norm, stride, size):
    """In a process of its own: strided 1x1 convolutions, and group norm of what needs no gradient, would end it."""
    script = (
        "import torch; from monaiseg.nn import PreActResidual\n"
        f"unit = PreActResidual(2, 8, 16, stride={stride}, norm='{norm}').to(memory_format=torch.channels_last)\n"
        "for _ in range(8):\n"
        f"    x = torch.randn(2, 8, {size}, {size}).to(memory_format=torch.channels_last)\n"
        "    unit(x).square().sum().backward()\n"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_a_strided_unit_is_no_danger_in_channels_last():
    assert narrow_strided(PreActResidual(2, 8, 16, stride=2)) == []
    assert narrow_strided(torch.nn.Sequential(torch.nn.Conv2d(8, 16, 1, stride=2))) == ["0"]
