"""Networks on other plugins' encoders: exact counts, any size, options of the one kind or the other, strangers."""

import pytest
import torch
from strangers import PARTS, entry_module, on_path, spec, write_distribution

from monaiseg import build_network
from monaiseg.errors import NameNotFound, OptionError

RGB = dict(spatial_dims=2, in_channels=3, out_channels=1)
RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
SMALL = dict(encoder="resnet18", encoder_options={"widths": (4, 8, 12, 16)})


def parameters(name: str, **options: object) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in build_network(name, **options).parameters())


@pytest.mark.parametrize(
    ("network", "options", "expected"),
    [
        ("unet", {}, (14_328_209, 24_436_369, 32_521_105, 51_513_233, 67_156_881)),
        ("unetpp", {}, (15_970_449, 26_078_609, 48_985_745, 67_977_873, 83_621_521)),
        ("unet", {"decoder": "deconv"}, (20_777_344, 30_885_504, 40_899_456, 59_891_584, 75_535_232)),
    ],
    ids=["smp Unet", "smp UnetPlusPlus", "gyb357 UNet"],
)
def test_parameters_with_resnets_are_the_published_ones(network, options, expected):
    assert tuple(parameters(network, **RGB, encoder=encoder, **options) for encoder in RESNETS) == expected


def test_the_deconv_decoder_without_encoder_is_gyb357s_plain_row():
    assert parameters("unet", **RGB, decoder="deconv") == 31_036_672


@pytest.mark.parametrize("network", ["unet", "unetpp"])
@pytest.mark.parametrize("dims", [2, 3])
def test_any_size_gives_logits_of_that_size(network, dims):
    net = build_network(network, spatial_dims=dims, in_channels=1, out_channels=2, **SMALL).eval()
    size = (33, 70) if dims == 2 else (32, 33, 40)
    with torch.no_grad():
        assert net(torch.randn(1, 1, *size)).shape == (1, 2, *size)


def test_the_half_variant_takes_an_encoder_too():
    net = build_network("unetpp_half", **RGB, **SMALL)
    assert any(isinstance(module, torch.nn.GroupNorm) for module in net.grid.modules())


def test_a_frozen_encoder_takes_a_batch_of_one_small_image():
    net = build_network("unet", **RGB, **SMALL, freeze=True, norm="group").train()
    assert net(torch.randn(1, 3, 32, 32)).shape == (1, 1, 32, 32)


def test_deep_supervision_on_an_encoder_gives_all_heads_at_the_images_size():
    net = build_network("unetpp", **RGB, **SMALL, deep_supervision=True)
    outputs = net(torch.randn(2, 3, 64, 96))
    assert [tuple(output.shape) for output in outputs] == [(2, 1, 64, 96)] * 4


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_pruning_on_an_encoder_gives_the_head_and_cuts_the_encoder(depth):
    net = build_network("unetpp", **RGB, **SMALL, deep_supervision=True).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        head = net.heads[str(depth)](net.grid(net.encoder(x))[depth - 1])
        pruned = net.prune(depth)
        assert torch.equal(pruned(x), head)
    assert len(pruned.encoder.out_channels) == depth + 1
    assert len(net.encoder.out_channels) == 5


def test_decoder_channels_set_every_node_of_a_level():
    net = build_network("unetpp", **RGB, **SMALL, decoder_channels=(24, 20, 16, 12, 8))
    widths = {key: unit.second.conv.out_channels for key, unit in net.grid.nodes.items()}
    assert {widths[f"x{i}_{j}"] for i, j in [(0, 1), (0, 2), (0, 3), (0, 4)]} == {12}
    assert (widths["x3_1"], widths["x2_1"], widths["x1_1"]) == (24, 20, 16)
    assert net.heads["4"][1].second.conv.out_channels == 8


@pytest.mark.parametrize("network", ["unet", "unetpp"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": (8, 16), "encoder": "resnet18"}, "features is of the plain encoder"),
        ({"strides": (2,) * 4, "encoder": "resnet18"}, "strides is of the plain encoder"),
        ({"pretrained": "imagenet"}, "pretrained needs an encoder"),
        ({"freeze": True}, "freeze needs an encoder"),
        ({"encoder": "resnet18", "decoder_channels": (8, 8)}, "decoder_channels has 2 entries; this encoder needs 5"),
    ],
)
def test_options_of_the_other_kind_are_refused(network, options, message):
    with pytest.raises(OptionError, match=message):
        build_network(network, **RGB, **options)


def test_an_unknown_encoder_is_named_with_the_nearest():
    with pytest.raises(NameNotFound, match="resnet34"):
        build_network("unet", **RGB, encoder="resnet43")


@pytest.fixture
def stranger(tmp_path):
    specs = [spec("Encoder", "levels", "odd.net:build"), spec("Block", "tanh_unit", "odd.net:unit", "role='unit'")]
    modules = {"odd/__init__.py": entry_module(*specs), "odd/net.py": PARTS}
    write_distribution(tmp_path, "odd", entry_points={"odd": "odd"}, modules=modules)
    with on_path(tmp_path):
        yield


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("network", ["unet", "unetpp"])
@pytest.mark.parametrize("dims", [2, 3])
def test_a_strangers_encoder_and_unit_stand_in_ours(network, dims):
    net = build_network(
        network, spatial_dims=dims, in_channels=2, out_channels=1, encoder="levels", unit="tanh_unit", norm="auto"
    )
    size = (19, 24, 17)[:dims]
    net(torch.randn(2, 2, *size)).sum().backward()
    assert net.size_divisor == 8
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.usefixtures("stranger")
def test_a_strangers_unit_is_told_only_what_was_asked():
    assert build_network("unet", **RGB, features=(4, 8), unit="tanh_unit")
    with pytest.raises(OptionError, match="'tanh_unit' has no option 'norm'"):
        build_network("unet", **RGB, features=(4, 8), unit="tanh_unit", norm="instance")


def test_a_block_of_another_role_is_refused():
    with pytest.raises(OptionError, match=r"'cbam' is of role attention, not unit; of role unit are .*double_conv"):
        build_network("unet", **RGB, unit="cbam")


@pytest.mark.parametrize("network", ["unet", "unetpp"])
def test_strides_differ_by_level_and_axis(network):
    strides = [(1, 2, 2), 2]
    net = build_network(
        network, spatial_dims=3, in_channels=1, out_channels=1, features=(2, 4, 6), strides=strides
    ).eval()
    assert net.size_divisor == (2, 4, 4)
    maps = net.encoder(torch.randn(1, 1, 4, 16, 16))
    assert [tuple(x.shape[2:]) for x in maps] == [(4, 16, 16), (4, 8, 8), (2, 4, 4)]
    assert net(torch.randn(1, 1, 5, 17, 18)).shape == (1, 1, 5, 17, 18)
