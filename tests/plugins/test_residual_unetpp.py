"""The Residual UNet++ with CBAM: exact parameter counts, its parts by hand, the grid's contract."""

import pytest
import torch
from segplug_unetpp.cbam import ConvBlockAttention
from torch import nn

from monaiseg import build_network
from monaiseg.plugin import build_block

RGB = dict(spatial_dims=2, in_channels=3, out_channels=1)
VOLUME = dict(spatial_dims=3, in_channels=1, out_channels=1)
SMALL = dict(features=(4, 8, 16))


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RGB, 10_759_331),
        (dict(RGB, deep_supervision=True), 10_759_430),
        (dict(RGB, deep_supervision=True, cbam_shared_mlp=True), 10_701_446),
        (VOLUME, 31_135_443),
        (dict(VOLUME, deep_supervision=True), 31_135_542),
    ],
)
def test_parameters_are_the_published_ones(options, expected):
    with torch.device("meta"):
        assert parameters(build_network("residual_unetpp", **options)) == expected


def test_pruned_parameters_are_the_published_ones():
    with torch.device("meta"):
        network = build_network("residual_unetpp", **RGB, deep_supervision=True)
        assert [parameters(network.prune(depth)) for depth in (1, 2, 3)] == [118_643, 606_815, 2_623_599]


@pytest.mark.parametrize("depth", [1, 2])
def test_pruned_network_equals_its_head_bit_for_bit(depth):
    network = build_network("residual_unetpp", **RGB, **SMALL, deep_supervision=True).eval()
    x = torch.randn(2, 3, 20, 24)
    with torch.no_grad():
        head = network.heads[str(depth)](network.grid(network.encoder(x))[depth - 1])
        assert torch.equal(network.prune(depth)(x), head)


def test_it_halves_by_strided_units():
    network = build_network("residual_unetpp", **RGB, **SMALL)
    assert not any(isinstance(module, nn.MaxPool2d) for module in network.modules())
    assert [unit.branch[2].stride for unit in network.encoder.units] == [(1, 1), (2, 2), (2, 2)]
    assert [unit.stride for unit in network.encoder.units] == [(1, 1), (2, 2), (2, 2)]


def test_a_node_takes_the_map_from_below_first():
    network = build_network("residual_unetpp", **RGB, features=(2, 3)).eval()
    x = torch.randn(1, 3, 8, 8)
    x00, x10 = network.encoder(x)
    up = network.grid.up["x0_1"]
    raised = torch.relu(up[1](nn.functional.interpolate(x10, scale_factor=2, mode="nearest")))
    expected = network.heads["1"](network.grid.nodes["x0_1"](torch.cat([raised, x00], dim=1)))
    assert torch.equal(network(x), expected)


@pytest.mark.parametrize("dims", [2, 3])
def test_cbam_by_hand(dims):
    block = ConvBlockAttention(spatial_dims=dims, channels=32, shared_mlp=False, kernel_size=3).eval()
    x = torch.randn(2, 32, *(5, 6, 7)[:dims])
    flat = x.flatten(2)

    def layers(of: nn.Sequential, vector: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(vector @ of[0].weight.flatten(1).T)
        return hidden @ of[2].weight.flatten(1).T

    channels = torch.sigmoid(layers(block.of_mean, flat.mean(2)) + layers(block.of_maximum, flat.amax(2)))
    scaled = x * channels[(..., *[None] * dims)]
    places = torch.sigmoid(block.places(torch.stack([scaled.mean(1), scaled.amax(1)], dim=1)))
    torch.testing.assert_close(block(x), scaled * places)


def test_the_shared_layers_are_one_set_of_parameters():
    shared = ConvBlockAttention(spatial_dims=2, channels=32)
    own = ConvBlockAttention(spatial_dims=2, channels=32, shared_mlp=False)
    assert parameters(own) - parameters(shared) == 2 * 32 * 2


def test_attention_acts_on_the_branch_before_the_sum():
    unit = build_block("residual_cbam", spatial_dims=2, in_channels=4, out_channels=6, stride=2).eval()
    x = torch.randn(1, 4, 8, 8)
    assert torch.equal(unit(x), unit.attention(unit.branch(x)) + unit.shortcut(x[..., ::2, ::2]))
    assert unit(x).shape == (1, 6, 4, 4)


def test_the_unit_stands_in_the_plain_grid():
    network = build_network("unetpp", **RGB, **SMALL, unit="residual_cbam")
    assert network(torch.randn(2, 3, 17, 16)).shape == (2, 1, 17, 16)


def test_another_unit_stands_in_the_residual_grid():
    network = build_network("residual_unetpp", **RGB, **SMALL, unit="double_conv")
    assert network.encoder.units[1].first.conv.stride == (2, 2)
    assert network(torch.randn(2, 3, 17, 16)).shape == (2, 1, 17, 16)


def test_the_half_variant_has_half_the_widths():
    half = build_network("residual_unetpp_half", **RGB).state_dict()
    full = build_network("residual_unetpp", **RGB, features=(16, 32, 64, 128, 256), norm="group").state_dict()
    assert {k: v.shape for k, v in half.items()} == {k: v.shape for k, v in full.items()}
    assert sum(p.numel() for p in build_network("residual_unetpp_half", **RGB).parameters()) == 2_695_939
