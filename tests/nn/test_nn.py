"""The toolkit: padding and cropping, units, initialisation."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from monaiseg import build_network
from monaiseg.errors import ConfigError
from monaiseg.nn import ConvNormAct, DoubleConv, PaddedNetwork, crop_to, initialise, pad_to_divisor, upsampling


@settings(max_examples=40, deadline=None)
@given(size=st.lists(st.integers(1, 20), min_size=2, max_size=3), divisor=st.sampled_from([1, 2, 4, 8, 16]))
def test_padding_replicates_the_high_end_and_cropping_undoes_it(size, divisor):
    x = torch.randn(1, 2, *size)
    padded = pad_to_divisor(x, divisor)
    assert all(side % divisor == 0 and side - was < divisor for side, was in zip(padded.shape[2:], size))
    assert torch.equal(crop_to(padded, size), x)
    if padded.shape[-1] > size[-1]:
        inner = crop_to(padded, [*size[:-1], padded.shape[-1]])
        assert torch.equal(inner[..., -1], x[..., -1])


def test_divisible_sizes_are_not_copied():
    x = torch.randn(1, 1, 16, 32)
    assert pad_to_divisor(x, 16) is x


def test_cropping_takes_the_three_training_outputs():
    x, presence = torch.randn(1, 1, 8, 8), torch.randn(1, 2)
    cut = crop_to({"logits": [x, x], "presence": presence}, (5, 7))
    assert [tuple(y.shape) for y in cut["logits"]] == [(1, 1, 5, 7)] * 2
    assert cut["presence"] is presence or torch.equal(cut["presence"], presence)


def test_cropping_refuses_a_tuple():
    with pytest.raises(TypeError, match="tuple"):
        crop_to((torch.zeros(1, 1, 2, 2),), (1, 1))


class Doubling(PaddedNetwork):
    def compute(self, x):
        assert all(side % 4 == 0 for side in x.shape[2:]) or not self.pad_input
        return 2 * x


def test_padded_network_gives_the_size_it_got():
    x = torch.randn(1, 1, 5, 6)
    assert torch.equal(Doubling(4)(x), 2 * x)


def test_the_unpadded_computation_can_be_had():
    network = Doubling(4)
    network.pad_input = False
    assert network(torch.zeros(1, 1, 5, 6)).shape == (1, 1, 5, 6)


@pytest.mark.parametrize(("dims", "norm"), [(2, nn.BatchNorm2d), (3, nn.InstanceNorm3d)])
def test_auto_norm_and_idle_bias(dims, norm):
    unit = ConvNormAct(dims, 2, 4)
    assert isinstance(unit.norm, norm)
    assert unit.norm.weight is not None
    assert unit.conv.bias is None
    assert ConvNormAct(dims, 2, 4, norm=None).conv.bias is not None
    assert ConvNormAct(dims, 2, 4, bias=True).conv.bias is not None


@pytest.mark.parametrize(("channels", "groups"), [(16, 2), (256, 32), (4, 1), (28, 1), (36, 4)])
def test_group_norm_takes_any_number_of_channels(channels, groups):
    unit = ConvNormAct(2, 1, channels, norm="group")
    assert unit.norm.num_groups == groups
    assert unit(torch.randn(1, 1, 4, 4)).shape == (1, channels, 4, 4)


def test_unit_order_is_conv_norm_act_dropout():
    assert list(dict(ConvNormAct(2, 1, 1, dropout=0.5).named_children())) == ["conv", "norm", "act", "dropout"]


def test_double_conv_strides_once():
    assert DoubleConv(2, 1, 3, stride=2)(torch.randn(2, 1, 8, 8)).shape == (2, 3, 4, 4)


def test_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="batch, instance"):
        ConvNormAct(2, 1, 1, norm="layer")


@pytest.mark.parametrize("kind", ["deconv", "bilinear", "bilinear_aligned"])
@pytest.mark.parametrize("dims", [2, 3])
def test_upsampling_doubles_and_says_its_channels(kind, dims):
    module, channels = upsampling(kind, dims, 6, 4)
    y = module(torch.randn(1, 6, *[4] * dims))
    assert y.shape == (1, channels, *[8] * dims)
    assert channels == (4 if kind == "deconv" else 6)


def test_initial_weights_are_kaiming_normal():
    conv = nn.Conv2d(64, 64, 3)
    norm = nn.BatchNorm2d(4)
    nn.init.constant_(norm.weight, 5.0)
    initialise(nn.Sequential(conv, norm))
    assert conv.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03)
    assert conv.bias.abs().max() == 0
    assert norm.weight.tolist() == [1.0] * 4


class Normed(PaddedNetwork):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__(8)
        self.norm = norm

    def compute(self, x):
        return x


def test_batch_norm_refuses_a_single_bottleneck_element_in_training():
    network, x = Normed(nn.BatchNorm2d(1)), torch.zeros(1, 1, 7, 8)
    with pytest.raises(ConfigError, match="one image of 7x8"):
        network(x)
    network(torch.zeros(2, 1, 8, 8))
    network(torch.zeros(1, 1, 9, 8))
    network.eval()(x)


@pytest.mark.parametrize("size", [(8, 8), (1, 3), (8, 8, 8)])
@pytest.mark.parametrize("training", [True, False])
def test_instance_norm_takes_any_size(size, training):
    network = build_network(
        "unet", spatial_dims=len(size), in_channels=1, out_channels=1, features=(2, 2, 2, 2), norm="instance"
    )
    assert network.train(training)(torch.randn(1, 1, *size)).shape == (1, 1, *size)
