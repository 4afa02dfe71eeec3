"""The UNet++: exact parameter counts of the three published variants, the grid's wiring, supervision, pruning."""

import pytest
import torch

from monaiseg import build_network
from monaiseg._registry import registry
from monaiseg.errors import OptionError

RGB = dict(spatial_dims=2, in_channels=3, out_channels=1)
GREY = dict(spatial_dims=2, in_channels=1, out_channels=1)
VOLUME = dict(spatial_dims=3, in_channels=1, out_channels=1)
OFFICIAL = dict(norm=None)
NESTED_UNET = dict(upsample="bilinear_aligned", bias=True)
SMALL = dict(features=(4, 8, 16, 24, 32))


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RGB, 9_045_825),
        (dict(RGB, deep_supervision=True), 9_045_924),
        (dict(GREY, **OFFICIAL), 9_041_601),
        (dict(RGB, **OFFICIAL), 9_042_177),
        (dict(RGB, **NESTED_UNET), 9_163_329),
        (dict(RGB, **NESTED_UNET, deep_supervision=True), 9_163_428),
        (VOLUME, 26_201_921),
    ],
)
def test_parameters_are_the_published_ones(options, expected):
    assert parameters(build_network("unetpp", **options)) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RGB, (101_793, 512_385, 2_207_201, 9_045_825)),
        (dict(GREY, **OFFICIAL), (100_961, 511_105, 2_204_961, 9_041_601)),
        (dict(RGB, **NESTED_UNET), (103_041, 519_105, 2_236_161, 9_163_329)),
        (VOLUME, (294_305, 1_483_137, 6_391_265, 26_201_921)),
    ],
    ids=["default", "official", "nested-unet", "3D"],
)
def test_pruned_parameters_are_the_published_ones(options, expected):
    network = build_network("unetpp", **options, deep_supervision=True)
    assert tuple(parameters(network.prune(depth)) for depth in (1, 2, 3, 4)) == expected


def randomise_statistics(network: torch.nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)


@pytest.mark.parametrize("variant", [{}, OFFICIAL, NESTED_UNET], ids=["default", "official", "nested-unet"])
@pytest.mark.parametrize("size", [(32, 48), (33, 47), (20, 36)])
def test_pruned_network_equals_its_head_bit_for_bit(variant, size):
    network = build_network("unetpp", **RGB, **variant, **SMALL, deep_supervision=True).eval()
    randomise_statistics(network)
    x = torch.randn(2, 3, *size)
    padded = torch.nn.functional.pad(x, (0, -size[1] % 16, 0, -size[0] % 16), mode="replicate")
    with torch.no_grad():
        row = network.grid(network.encoder(padded))
        for depth in (1, 2, 3, 4):
            head = network.heads[str(depth)](row[depth - 1])
            pruned = network.prune(depth)
            assert torch.equal(pruned(x), head[..., : size[0], : size[1]])
            assert not pruned.training


def test_pruned_volume_equals_its_head():
    network = build_network("unetpp", **VOLUME, features=(2, 4, 6), deep_supervision=True).eval()
    x = torch.randn(1, 1, 8, 12, 16)
    with torch.no_grad():
        head = network.heads["1"](network.grid(network.encoder(x))[0])
        assert torch.equal(network.prune(1)(x), head)


def test_every_node_gets_its_inputs_in_order():
    """The grid of depth 2 written out node by node, as in the paper's figure."""
    net = build_network("unetpp", **RGB, features=(2, 3, 4)).eval()
    pool = torch.nn.functional.max_pool2d
    x = torch.randn(1, 3, 16, 16)
    x00 = net.encoder.units[0](x)
    x10 = net.encoder.units[1](pool(x00, 2))
    x20 = net.encoder.units[2](pool(x10, 2))
    node, up = net.grid.nodes, net.grid.up
    x01 = node["x0_1"](torch.cat([x00, up["x0_1"](x10)], dim=1))
    x11 = node["x1_1"](torch.cat([x10, up["x1_1"](x20)], dim=1))
    x02 = node["x0_2"](torch.cat([x00, x01, up["x0_2"](x11)], dim=1))
    assert torch.equal(net(x), net.heads["2"](x02))


def test_training_with_deep_supervision_gives_the_deepest_head_first():
    network = build_network("unetpp", **RGB, **SMALL, deep_supervision=True)
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    x = torch.randn(2, 3, 33, 50)
    outputs = network(x)
    assert [tuple(output.shape) for output in outputs] == [(2, 1, 33, 50)] * 4
    assert torch.equal(outputs[0], network.eval()(x))
    assert not torch.equal(outputs[0], outputs[1])


def test_training_without_deep_supervision_gives_a_tensor():
    assert isinstance(build_network("unetpp", **RGB, **SMALL)(torch.randn(2, 3, 32, 32)), torch.Tensor)


def test_heads_exist_only_when_asked_for():
    assert list(build_network("unetpp", **RGB, **SMALL).heads) == ["4"]


def test_pruning_needs_trained_heads():
    with pytest.raises(ValueError, match="deep_supervision=True"):
        build_network("unetpp", **RGB, **SMALL).prune(2)


@pytest.mark.parametrize("depth", [0, 5])
def test_pruning_outside_the_grid_is_refused(depth):
    with pytest.raises(ValueError, match="between 1 and 4"):
        build_network("unetpp", **RGB, **SMALL, deep_supervision=True).prune(depth)


def test_the_half_variant_has_half_the_widths():
    half = build_network("unetpp_half", **RGB).state_dict()
    full = build_network("unetpp", **RGB, features=(16, 32, 64, 128, 256), norm="group").state_dict()
    assert {k: v.shape for k, v in half.items()} == {k: v.shape for k, v in full.items()}
    assert sum(p.numel() for p in build_network("unetpp_half", **RGB).parameters()) == 2_263_713


def test_the_small_variant_is_the_half_one_without_its_coarsest_level():
    small = build_network("unetpp_small", **VOLUME).state_dict()
    cut = build_network("unetpp_half", **VOLUME, features=(16, 32, 64, 128)).state_dict()
    assert {k: v.shape for k, v in small.items()} == {k: v.shape for k, v in cut.items()}
    counts = [parameters(build_network("unetpp_small", **options)) for options in (RGB, VOLUME)]
    assert counts == [552_945, 1_598_961]
    spec = registry().find("network", "unetpp_small").spec
    assert spec.size_divisor({}) == 8 and spec.size_divisor({"features": (4, 8, 16)}) == 4


def test_no_levels_are_refused():
    with pytest.raises(OptionError, match="at least 2 levels"):
        build_network("unetpp", **RGB, features=(8,))
