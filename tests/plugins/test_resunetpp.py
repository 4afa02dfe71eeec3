"""The ResUNet++: exact parameter counts, its wiring, what each option changes, sizes, errors."""

import warnings

import pytest
import torch
from segplug_resunetpp.blocks import AtrousPyramid, SqueezeExcite
from torch import nn

from monaiseg import build_network
from monaiseg._registry import registry
from monaiseg.cost import cost_of
from monaiseg.errors import OptionError

pytestmark = pytest.mark.filterwarnings("ignore:atrous rates")

RGB = dict(spatial_dims=2, in_channels=3, out_channels=1)
VOLUME = dict(spatial_dims=3, in_channels=1, out_channels=1)
WIDE = dict(features=(32, 64, 128, 256, 512))
SMALL = dict(features=(4, 8, 12, 16))


def parameters(**options: object) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in build_network("resunetpp", **options).parameters())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RGB, 4_062_993),
        (dict(RGB, **WIDE), 16_228_001),
        (dict(RGB, se_position="between"), 4_053_521),
        (VOLUME, 11_882_737),
        (dict(RGB, se_position="none"), 4_052_177),
        (dict(RGB, aspp_mode="concat3"), 3_894_241),
        (dict(RGB, gate_channels="one"), 3_288_852),
        (dict(RGB, gate_activation="sigmoid"), 4_062_993),
    ],
)
def test_parameters_are_the_published_ones(options, expected):
    assert parameters(**options) == expected


def test_parameters_and_statistics_are_the_papers_total():
    with torch.device("meta"):
        network = build_network("resunetpp", **RGB)
    statistics = sum(buffer.numel() for name, buffer in network.named_buffers() if ".running_" in name)
    assert statistics == 7_392
    assert sum(p.numel() for p in network.parameters()) + statistics == 4_070_385


def test_its_multiply_adds_are_the_references():
    cost = cost_of("resunetpp", spatial_dims=2, in_channels=3, size=(256, 256), latency=False)
    assert cost.gmacs == pytest.approx(15.669, abs=5e-4)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("side", [1, 7, 16, 21])
def test_any_size_gives_logits_of_that_size(dims, side):
    network = build_network("resunetpp", spatial_dims=dims, in_channels=2, out_channels=3, **SMALL).eval()
    size = (side, side + 9, side + 2)[:dims]
    with torch.no_grad():
        assert network(torch.randn(1, 2, *size)).shape == (1, 3, *size)


def test_on_a_divisible_size_padding_does_nothing():
    network = build_network("resunetpp", **RGB).eval()
    x = torch.randn(1, 3, 24, 40)
    with torch.no_grad():
        padded = network(x)
        network.pad_input = False
        assert torch.equal(network(x), padded)


@pytest.mark.parametrize(
    ("options", "divisor"),
    [
        ({}, 8),
        ({"features": (4, 8, 12)}, 2),
        ({"features": (4, 8, 12, 16, 20, 24)}, 16),
        ({"strides": (1, 2, 2)}, 4),
        ({"strides": ((1, 2, 2), (2, 2, 2), (1, 2, 2))}, 8),
    ],
)
def test_the_spec_has_the_divisor_of_the_network(options, divisor):
    spec = registry().find("network", "resunetpp").spec
    with torch.device("meta"):
        network = build_network("resunetpp", **VOLUME, **options)
    assert spec.size_divisor(options) == divisor
    own = network.size_divisor
    assert (max(own) if isinstance(own, tuple) else own) == divisor


def test_thick_slices_are_halved_where_strides_say_so():
    network = build_network("resunetpp", **VOLUME, features=(4, 8, 12, 16), strides=((1, 2, 2), 2)).eval()
    seen: list[torch.Size] = []
    for unit in network.encoder:
        unit.register_forward_hook(lambda module, args, out: seen.append(out.shape[2:]))
    assert network.size_divisor == (2, 4, 4)
    assert network(torch.randn(1, 1, 5, 18, 24)).shape == (1, 1, 5, 18, 24)
    assert seen == [(6, 20, 24), (6, 10, 12), (3, 5, 6)]


def excited(network: nn.Module) -> list[str]:
    return [name for name, module in network.named_modules() if isinstance(module, SqueezeExcite)]


def test_squeeze_and_excitation_stands_where_it_should():
    networks = {place: build_network("resunetpp", **RGB, **SMALL, se_position=place) for place in ("unit", "between")}
    steps = [f"decoder.{n}.unit.1" for n in (0, 1)]
    assert excited(networks["unit"]) == [*(f"encoder.{n}.1" for n in (0, 1, 2)), *steps]
    assert excited(networks["between"]) == ["encoder.1.0", "encoder.2.0"]
    assert excited(build_network("resunetpp", **RGB, **SMALL, se_position="none")) == []


@pytest.mark.parametrize("place", ["unit", "between"])
def test_skips_are_after_attention_in_units_and_before_it_between_them(place):
    network = build_network("resunetpp", **RGB, **SMALL, se_position=place).eval()
    skips: list[torch.Tensor] = []
    for step in network.decoder:
        step.register_forward_pre_hook(lambda module, args: skips.append(args[0]))
    x = torch.randn(1, 3, 16, 16)
    network(x)
    first = network.encoder[0]
    unit = first[0] if place == "unit" else first
    plain = unit.branch(x) + unit.shortcut(x)
    assert torch.equal(skips[-1], first[1](plain) if place == "unit" else plain)


def test_the_first_unit_convolves_the_image_itself_and_the_others_activate_first():
    network = build_network("resunetpp", **RGB)
    kinds = [[type(layer) for layer in unit[0].branch] for unit in network.encoder]
    assert kinds[0] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d]
    assert kinds[1] == [nn.BatchNorm2d, nn.ReLU, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d]
    assert [unit[0].stride[0] for unit in network.encoder] == [1, 2, 2, 2]
    dropped = build_network("resunetpp", **RGB, dropout=0.2).encoder[0][0].branch
    assert [type(layer) for layer in dropped] == [*kinds[0][:3], nn.Dropout2d, nn.Conv2d]


def rates(network: nn.Module) -> tuple[tuple[int, ...], ...]:
    pyramids = [module for module in network.modules() if isinstance(module, AtrousPyramid)]
    return tuple(tuple(branch[0].dilation[0] for branch in pyramid.branches) for pyramid in pyramids)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RGB, ((1, 6, 12, 18), (1, 6, 12, 18))),
        (VOLUME, ((1, 2, 4, 6), (1, 6, 12, 18))),
        (dict(RGB, aspp_mode="concat3"), ((6, 12, 18), (6, 12, 18))),
        (dict(VOLUME, aspp_mode="concat3"), ((2, 4, 6), (6, 12, 18))),
        (dict(VOLUME, bridge_rates=(1, 2, 3, 4)), ((1, 2, 3, 4), (1, 6, 12, 18))),
        (dict(RGB, output_rates=[1, 2, 3, 5]), ((1, 6, 12, 18), (1, 2, 3, 5))),
    ],
)
def test_the_pyramids_have_their_rates(options, expected):
    with torch.device("meta"):
        assert rates(build_network("resunetpp", **options)) == expected


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_only_a_sigmoid_bounds_the_gate(activation):
    network = build_network("resunetpp", **RGB, **SMALL, gate_activation=activation).eval()
    gate = network.decoder[0].gate
    nn.init.constant_(gate.of_both[2].bias, 9.0)
    seen: list[bool] = []
    gate.register_forward_hook(lambda module, args, out: seen.append(bool((out.abs() > args[1].abs()).any())))
    network(torch.randn(1, 3, 16, 16))
    assert seen == [activation is None]


def test_the_gate_may_weigh_all_channels_alike():
    network = build_network("resunetpp", **RGB, gate_channels="one")
    assert [step.gate.of_both[2].out_channels for step in network.decoder] == [1, 1, 1]


@pytest.mark.parametrize(
    ("kind", "layer"), [("nearest", nn.Upsample), ("bilinear", nn.Upsample), ("deconv", nn.ConvTranspose3d)]
)
def test_upsampling_is_the_one_asked_for(kind, layer):
    network = build_network("resunetpp", **VOLUME, **SMALL, upsample=kind)
    up = network.decoder[0].up
    assert isinstance(up, layer)
    assert getattr(up, "mode", "deconv") == {"bilinear": "trilinear"}.get(kind, kind)
    assert network(torch.randn(2, 1, 8, 12, 8)).shape == (2, 1, 8, 12, 8)


@pytest.mark.parametrize(
    ("norm", "layer"),
    [("auto", nn.BatchNorm2d), ("instance", nn.InstanceNorm2d), ("group", nn.GroupNorm), (None, None)],
)
def test_norm_is_the_one_asked_for_everywhere(norm, layer):
    network = build_network("resunetpp", **RGB, **SMALL, norm=norm)
    kinds = (nn.BatchNorm2d, nn.InstanceNorm2d, nn.GroupNorm)
    found = {kind for kind in kinds if any(isinstance(module, kind) for module in network.modules())}
    assert found == ({layer} if layer else set())
    x = torch.randn(2, 3, 16, 16)
    before = x.clone()
    network(x)
    assert torch.equal(x, before), "a ReLU without norm before it must not work in place"


def test_without_bias_only_the_head_has_one():
    network = build_network("resunetpp", **RGB, **SMALL, bias=False)
    convolutions = {name: module for name, module in network.named_modules() if isinstance(module, nn.Conv2d)}
    assert [name for name, module in convolutions.items() if module.bias is not None] == ["head"]


def test_initial_biases_are_zero_and_weights_kaiming_normal():
    torch.manual_seed(0)
    network = build_network("resunetpp", **RGB)
    conv = network.decoder[0].gate.of_both[2]
    assert not conv.bias.any()
    assert conv.weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.01)


def test_the_defaults_tell_of_rates_too_large_for_a_small_image_only():
    network = build_network("resunetpp", **RGB, **SMALL).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        network(torch.randn(1, 3, 52, 80))
        with pytest.raises(UserWarning, match="atrous rates 12, 18 reach past a whole side of the 12x20 map"):
            network(torch.randn(1, 3, 48, 80))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"se_position": "before"}, "se_position is 'before'; it must be unit, between or none"),
        ({"se_position": "none", "attention": "cbam"}, "leaves no place for attention 'cbam'"),
        ({"gate_channels": "single"}, "gate_channels is 'single'; it must be all or one"),
        ({"gate_activation": "tanh"}, "activation of the gate is 'tanh'; it must be sigmoid or None"),
        ({"aspp_mode": "sum"}, "'sum'; it must be sum4 or concat3"),
        ({"bridge_rates": (1, 2, 3)}, r"rates are \(1, 2, 3\); sum4 takes 4"),
        ({"output_rates": (1, 2, 3, 4), "aspp_mode": "concat3"}, "concat3 takes 3"),
        ({"upsample": "cubic"}, "upsample is 'cubic'"),
        ({"norm": "layer"}, "norm is 'layer'"),
        ({"features": (8, 16)}, "features needs at least 3 entries, not 2"),
        ({"strides": (2, 2, 2, 2)}, "strides has 4 entries; 5 features need 3"),
        (
            {"gate": "attention_gate", "gate_channels": "one"},
            "gate_channels is of the network's own gate; leave it out",
        ),
        ({"gate": "attention_gate", "gate_activation": "sigmoid"}, "gate_activation is of the network's own gate"),
        ({"context": "aspp", "aspp_mode": "concat3"}, "aspp_mode is of the network's own context"),
        ({"context": "aspp", "bridge_rates": (1, 2, 3, 4)}, "bridge_rates is of the network's own context"),
        ({"context": "aspp", "output_rates": (1, 2, 3, 4)}, "output_rates is of the network's own context"),
        ({"deep_supervision": True}, "no deep supervision"),
        ({"encoder": "resnet18"}, "no option 'encoder'"),
        ({"se_ratio": 16}, "no option 'se_ratio'"),
    ],
)
@pytest.mark.parametrize("shapes", [RGB, VOLUME], ids=["2D", "3D"])
def test_errors_are_one_line(shapes, options, words):
    with pytest.raises(OptionError, match=words) as caught:
        build_network("resunetpp", **shapes, **options)
    assert "\n" not in str(caught.value)
