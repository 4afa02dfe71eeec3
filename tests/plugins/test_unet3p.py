"""The UNet 3+: exact parameter counts, wiring by hand, the contract, the gate."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from monaiseg import build_network
from monaiseg.errors import OptionError
from monaiseg.losses import build_loss

RGB = dict(spatial_dims=2, in_channels=3, out_channels=1)
VOLUME = dict(spatial_dims=3, in_channels=1, out_channels=1)
SMALL = dict(features=(4, 8, 12), cat_channels=4)


def parameters(name: str, **options: object) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in build_network(name, **options).parameters())


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("unet3p", RGB, 26_965_249),
        ("unet3p", dict(RGB, bias=True), 26_971_777),
        ("unet3p", dict(RGB, bias=True, in_channels=1), 26_970_625),
        ("unet3p", dict(RGB, bias=True, deep_supervision=True), 26_989_637),
        ("unet3p_cgm", dict(RGB, bias=True, deep_supervision=True), 26_991_687),
        ("unet3p", VOLUME, 20_222_401),
        ("unet3p_small", RGB, 1_688_641),
        ("unet3p_small", VOLUME, 5_058_529),
        ("unet3p", dict(VOLUME, features=(64, 128, 256, 512, 1024), cat_channels=64), 80_866_177),
    ],
)
def test_parameters_are_the_published_ones(name, options, expected):
    assert parameters(name, **options) == expected


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        ("resnet18", (17_709_441, 17_722_693, 17_723_719)),
        ("resnet34", (27_817_601, 27_830_853, 27_831_879)),
        ("resnet50", (34_796_417, 34_823_493, 34_827_591)),
        ("resnet101", (53_788_545, 53_815_621, 53_819_719)),
        ("resnet152", (69_432_193, 69_459_269, 69_463_367)),
    ],
)
def test_parameters_with_resnets(encoder, expected):
    supervised = dict(RGB, encoder=encoder, deep_supervision=True)
    plain = parameters("unet3p", **RGB, encoder=encoder)
    assert (plain, parameters("unet3p", **supervised), parameters("unet3p_cgm", **supervised)) == expected


@pytest.mark.parametrize("name", ["unet3p", "unet3p_cgm"])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("encoder", [None, "resnet18"])
def test_any_size_gives_logits_of_that_size(name, dims, encoder):
    options = SMALL if encoder is None else dict(encoder=encoder, encoder_options={"widths": (4, 4, 8, 8)})
    net = build_network(name, spatial_dims=dims, in_channels=1, out_channels=2, **options).eval()
    size = (33, 50) if dims == 2 else (32, 9, 33)
    with torch.no_grad():
        assert net(torch.randn(1, 1, *size)).shape == (1, 2, *size)


def test_every_scale_reaches_every_stage():
    """Three levels written out, as the paper's figure 2 has them."""
    net = build_network("unet3p", **RGB, **SMALL).eval()
    x = torch.randn(1, 3, 16, 24)
    e0, e1, e2 = net.encoder(x)
    low, high = net.decoder.stages[1], net.decoder.stages[0]

    def up(a, factor):
        return F.interpolate(a, scale_factor=factor, mode="bilinear", align_corners=False)

    b = low.branches
    d1 = low.fusion(torch.cat([b[0](F.max_pool2d(e0, 2)), b[1](e1), b[2](up(e2, 2))], 1))
    b = high.branches
    d0 = high.fusion(torch.cat([b[0](e0), b[1](up(d1, 2)), b[2](up(e2, 4))], 1))
    torch.testing.assert_close(net(x), net.heads[0](d0))


def test_training_with_deep_supervision_gives_all_heads_finest_first():
    net = build_network("unet3p", **RGB, **SMALL, deep_supervision=True).train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    x = torch.randn(2, 3, 33, 50)
    outputs = net(x)
    assert [tuple(output.shape) for output in outputs] == [(2, 1, 33, 50)] * 3
    assert torch.equal(outputs[0], net.eval()(x))


def test_strides_differ_by_level_and_axis():
    net = build_network("unet3p", **VOLUME, **SMALL, strides=[(1, 2, 2), 2]).eval()
    assert net(torch.randn(1, 1, 5, 17, 18)).shape == (1, 1, 5, 17, 18)


def test_a_named_unit_is_the_encoders():
    net = build_network("unet3p", **RGB, **SMALL, unit="residual_cbam")
    assert type(net.encoder.units[0]).__name__ == "PreActResidual"
    with pytest.raises(OptionError, match="features is of the plain encoder"):
        build_network("unet3p", **RGB, **SMALL, encoder="resnet18")


def guided(**options: object) -> nn.Module:
    return build_network("unet3p_cgm", **{**RGB, **options}, **SMALL)


def set_gate(net: nn.Module, absent: float, present: float) -> None:
    convolution = net.gate.classify[1]
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.bias.view(-1, 2).copy_(torch.tensor([absent, present]))


@pytest.mark.parametrize("deep_supervision", [False, True])
def test_training_gives_presence_beside_the_logits(deep_supervision):
    output = guided(deep_supervision=deep_supervision).train()(torch.randn(2, 3, 17, 20))
    assert set(output) == {"logits", "presence"}
    assert output["presence"].shape == (2, 1, 2)
    heads = output["logits"] if deep_supervision else [output["logits"]]
    assert [tuple(head.shape) for head in heads] == [(2, 1, 17, 20)] * (3 if deep_supervision else 1)


def test_the_gate_starts_open_and_a_closed_one_empties_the_mask():
    net, x = guided().eval(), torch.randn(2, 3, 16, 16)
    start = net(x)
    assert start.min() > -1e3
    set_gate(net, 1, 0)
    assert torch.sigmoid(net(x)).max() == 0
    set_gate(net, 0, 1)
    assert torch.equal(net(x), start)


def test_the_gate_of_a_softmax_lets_the_background_win():
    net, x = guided(out_channels=3, background=True).eval(), torch.randn(1, 3, 16, 16)
    opened = net(x)
    set_gate(net, 1, 0)
    closed = net(x)
    assert torch.equal(closed[:, 0], opened[:, 0])
    assert (closed.argmax(1) == 0).all()


def test_a_gate_for_each_class_closes_its_own():
    net = guided(out_channels=2, gate_each_class=True).eval()
    set_gate(net, 0, 1)
    with torch.no_grad():
        net.gate.classify[1].bias.copy_(torch.tensor([0.0, 1.0, 1.0, 0.0]))
    logits = net(torch.randn(1, 3, 16, 16))
    assert logits[:, 0].min() > -1e3
    assert (logits[:, 1] == -1e4).all()


@pytest.mark.parametrize("in_training", [False, True])
def test_the_gate_acts_in_training_only_when_asked(in_training):
    net = guided(gate_in_training=in_training).train()
    set_gate(net, 1, 0)
    closed = net(torch.randn(2, 3, 16, 16))["logits"].max() == -1e4
    assert closed == in_training


def test_the_presence_branch_learns():
    net = guided(deep_supervision=True).train()
    target = torch.zeros(2, 1, 16, 16)
    target[0, 0, 3:8, 3:8] = 1
    build_loss("bce_dice")(net(torch.randn(2, 3, 16, 16)), target).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert net.gate.classify[1].weight.grad.abs().max() > 0


def test_background_needs_another_class():
    with pytest.raises(OptionError, match="out_channels of at least 2"):
        guided(background=True)


def test_the_plain_network_has_no_gate():
    assert not any("gate" in key for key in build_network("unet3p", **RGB, **SMALL).state_dict())


def test_the_small_variant_has_a_quarter_of_the_widths():
    small = build_network("unet3p_small", **RGB).state_dict()
    widths = dict(features=(16, 32, 64, 128, 256), cat_channels=16)
    quarter = build_network("unet3p", **RGB, **widths, norm="group").state_dict()
    assert {k: v.shape for k, v in small.items()} == {k: v.shape for k, v in quarter.items()}
