"""The blocks that came with the ResUNet++: by name, by hand, in other networks, and strangers' in theirs."""

import warnings

import pytest
import torch
from strangers import entry_module, on_path, spec, write_distribution
from torch import nn
from torch.nn import functional as F

from monaiseg import build_network
from monaiseg.errors import NameNotFound, OptionError
from monaiseg.nn import PreActResidual
from monaiseg.plugin import build_block

RGB = dict(spatial_dims=2, in_channels=3, out_channels=1)
TINY = dict(features=(8, 8, 16, 16))
MAPS = dict(spatial_dims=2, in_channels=4, out_channels=6)
GATE = dict(spatial_dims=2, skip_channels=3, x_channels=5)
SIZES = {2: (6, 10), 3: (4, 6, 2)}


def map_of(channels: int, *size: int) -> torch.Tensor:
    return torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(channels))


def build(name: str, role: str, **options: object) -> nn.Module:
    """Return the block in evaluation, with statistics of norms that are not the initial ones."""
    block = build_block(name, role=role, **options)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return block.eval()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("attention", [None, "squeeze_excite"])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_unit_changes_channels_and_size(dims, attention, stride):
    unit = build("residual", "unit", **dict(MAPS, spatial_dims=dims), stride=stride, attention=attention)
    found = unit(map_of(4, *SIZES[dims]))
    assert found.shape == (2, 6, *(side // stride for side in SIZES[dims]))


def test_attention_follows_the_sum_of_the_unit():
    unit = build("residual", "unit", **MAPS, attention="squeeze_excite")
    x = map_of(4, 6, 10)
    inner, after = unit
    assert torch.equal(unit(x), after(inner.branch(x) + inner.shortcut(x)))


def test_the_unit_takes_its_options():
    unit = build("residual", "unit", **MAPS, norm="group", bias=False, dropout=0.25)
    assert isinstance(unit, PreActResidual)
    assert sum(isinstance(module, nn.GroupNorm) for module in unit.modules()) == 3
    assert sum(isinstance(module, nn.Dropout2d) for module in unit.modules()) == 2
    assert all(module.bias is None for module in unit.modules() if isinstance(module, nn.Conv2d))


@pytest.mark.parametrize("dims", [2, 3])
def test_squeeze_and_excitation_by_hand(dims):
    block = build("squeeze_excite", "attention", spatial_dims=dims, channels=16)
    x = map_of(16, *SIZES[dims])
    narrow, wide = (module.weight.flatten(1) for module in block.modules() if hasattr(module, "weight"))
    assert narrow.shape == (2, 16)
    weight = torch.sigmoid(F.relu(x.flatten(2).mean(2) @ narrow.T) @ wide.T)
    torch.testing.assert_close(block(x), x * weight[(..., *[None] * dims)])


def test_squeeze_and_excitation_has_a_hidden_channel_for_few_channels():
    block = build("squeeze_excite", "attention", spatial_dims=2, channels=3)
    assert block(map_of(3, 4, 4)).shape == (2, 3, 4, 4)
    assert build("squeeze_excite", "attention", spatial_dims=2, channels=32, ratio=16).layers[0].out_channels == 2


def weights_of(gate: nn.Module, skip: torch.Tensor, x: torch.Tensor, stride: int | tuple[int, ...]) -> torch.Tensor:
    """Return what a gate multiplies with, by hand."""

    def part(layers: nn.Sequential, of: torch.Tensor) -> torch.Tensor:
        norm, _, conv = layers
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
        return F.conv2d(
            F.relu(of * scale[:, None, None] + shift[:, None, None]), conv.weight, conv.bias, padding=conv.padding
        )

    both = F.max_pool2d(part(gate.of_skip, skip), stride) + part(gate.of_x, x)
    return part(gate.of_both, both)


@pytest.mark.parametrize("channels", ["all", "one"])
@pytest.mark.parametrize("activation", [None, "sigmoid"])
@pytest.mark.parametrize("stride", [2, (1, 2)])
def test_the_gate_by_hand(channels, activation, stride):
    gate = build("attention_gate", "gate", **GATE, gate_channels=channels, activation=activation, stride=stride)
    x = map_of(5, 6, 10)
    skip = map_of(3, 12 if stride == 2 else 6, 20)
    weight = weights_of(gate, skip, x, stride)
    assert weight.shape[1] == (5 if channels == "all" else 1)
    expected = x * (torch.sigmoid(weight) if activation else weight)
    torch.testing.assert_close(gate(skip, x), expected)


def test_the_gate_of_one_channel_looks_at_each_place_alone_at_the_end():
    assert build("attention_gate", "gate", **GATE, gate_channels="one").of_both[2].kernel_size == (1, 1)


def test_the_gate_without_norm_leaves_its_inputs_alone():
    gate = build("attention_gate", "gate", **GATE, norm=None)
    given = map_of(3, 12, 20), map_of(5, 6, 10)
    kept = [x.clone() for x in given]
    gate(*given)
    assert all(torch.equal(x, before) for x, before in zip(given, kept, strict=True))


def test_the_gate_weighs_volumes():
    gate = build("attention_gate", "gate", **dict(GATE, spatial_dims=3), stride=(1, 2, 2))
    assert gate(map_of(3, 4, 8, 12), map_of(5, 4, 4, 6)).shape == (2, 5, 4, 4, 6)


@pytest.mark.parametrize("mode", ["sum4", "concat3"])
def test_the_pyramid_by_hand(mode):
    rates = (1, 2, 3, 4) if mode == "sum4" else (2, 3, 4)
    block = build("aspp", "context", **MAPS, mode=mode, rates=rates)
    x = map_of(4, 6, 10)
    maps = []
    for rate, layers in zip(rates, block.branches, strict=True):
        y = F.conv2d(x, layers[0].weight, layers[0].bias, padding=rate, dilation=rate)
        maps.append(layers[-1](y if mode == "sum4" else F.relu(y)))
    joined = maps[0] + maps[1] + maps[2] + maps[3] if mode == "sum4" else torch.cat(maps, 1)
    torch.testing.assert_close(block(x), F.conv2d(joined, block.join.weight, block.join.bias))


@pytest.mark.parametrize(("mode", "rates"), [("sum4", (1, 6, 12, 18)), ("concat3", (6, 12, 18))])
@pytest.mark.parametrize("dims", [2, 3])
def test_the_pyramid_has_the_papers_rates(mode, rates, dims):
    block = build("aspp", "context", **dict(MAPS, spatial_dims=dims), mode=mode)
    assert tuple(layers[0].dilation[0] for layers in block.branches) == rates


@pytest.mark.parametrize("dims", [2, 3])
def test_rates_from_the_side_of_the_map_on_are_told(dims):
    block = build("aspp", "context", **dict(MAPS, spatial_dims=dims), rates=(1, 5, 6, 9))
    with pytest.warns(UserWarning, match=r"atrous rates 6, 9 .* side of the 6x10") as caught:
        block(map_of(4, *(6, 10, 12)[:dims]))
    assert len(caught) == 1


@pytest.mark.parametrize("rates", [(1, 2, 4, 5), (1, 2, 4, 6)])
def test_a_single_rate_as_wide_as_the_map_is_no_matter(rates):
    block = build("aspp", "context", **MAPS, rates=rates)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        block(map_of(4, 6, 10))


def test_an_exported_pyramid_takes_other_sizes():
    """A comparison of sides in the exported graph would pin them."""
    block = build("aspp", "context", **MAPS)
    side = torch.export.Dim("side", min=2, max=64)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="atrous")
        program = torch.export.export(block, (map_of(4, 12, 8),), dynamic_shapes=({2: side},), strict=False)
    x = map_of(4, 30, 8)
    with pytest.warns(UserWarning, match="atrous"):
        torch.testing.assert_close(program.module()(x), block(x))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("aspp", dict(MAPS, mode="sum"), "mode of the atrous pyramid is 'sum'; it must be sum4 or concat3"),
        ("aspp", dict(MAPS, rates=(1, 2)), r"rates are \(1, 2\); sum4 takes 4"),
        ("aspp", dict(MAPS, rates=(0, 1, 2, 3)), "each from 1"),
        ("attention_gate", dict(GATE, gate_channels=1), "gate_channels is 1; it must be all or one"),
        ("attention_gate", dict(GATE, activation="relu"), "activation of the gate is 'relu'"),
        ("residual", dict(MAPS, attention="attention_gate"), "of role gate, not attention"),
        ("residual", dict(MAPS, norm="layer"), "norm is 'layer'"),
        ("squeeze_excite", dict(spatial_dims=2, channels=8, ratios=4), "no option 'ratios'; did you mean 'ratio'"),
    ],
)
def test_errors_are_one_line(name, options, words):
    with pytest.raises(OptionError, match=words) as caught:
        build_block(name, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("network", ["unetpp", "unet", "residual_unetpp"])
def test_the_unit_stands_in_other_networks(network):
    net = build_network(network, **RGB, **TINY, unit="residual")
    assert any(isinstance(module, PreActResidual) for module in net.modules())
    assert net(map_of(3, 17, 16)).shape == (2, 1, 17, 16)


BLOCKS = """
import torch
from torch import nn
from torch.nn import functional as F


def conv(spatial_dims):
    return nn.Conv2d if spatial_dims == 2 else nn.Conv3d


class Unit(nn.Module):
    def __init__(self, *, spatial_dims, in_channels, out_channels, stride=1):
        super().__init__()
        self.conv = conv(spatial_dims)(in_channels, out_channels, 3, stride=stride, padding=1)

    def forward(self, x):
        return torch.tanh(self.conv(x))


class Attention(nn.Module):
    def __init__(self, *, spatial_dims, channels):
        super().__init__()
        self.conv = conv(spatial_dims)(channels, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.conv(x))


class Gate(nn.Module):
    def __init__(self, *, spatial_dims, skip_channels, x_channels):
        super().__init__()
        self.conv = conv(spatial_dims)(skip_channels, x_channels, 1)

    def forward(self, skip, x):
        return x + F.interpolate(self.conv(skip), size=x.shape[2:])


class Context(nn.Module):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__()
        self.conv = conv(spatial_dims)(in_channels, out_channels, 1)

    def forward(self, x):
        return self.conv(x - x.mean(dim=(2, 3), keepdim=True))
"""
ROLES = ("unit", "attention", "gate", "context")


@pytest.fixture
def _strangers(tmp_path):
    specs = [spec("Block", f"toy_{role}", f"toy_blocks.blocks:{role.title()}", f"role={role!r}") for role in ROLES]
    write_distribution(
        tmp_path,
        "toy-blocks",
        entry_points={"toy_blocks": "toy_blocks"},
        modules={"toy_blocks/__init__.py": entry_module(*specs), "toy_blocks/blocks.py": BLOCKS},
    )
    with on_path(tmp_path):
        yield


@pytest.mark.usefixtures("_strangers")
@pytest.mark.filterwarnings("ignore:atrous rates")
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("role", ROLES)
def test_a_strangers_block_stands_in_every_place_of_its_role(role, dims):
    options = dict(spatial_dims=dims, in_channels=1, out_channels=2, **TINY)
    network = build_network("resunetpp", **options, **{role: f"toy_{role}"})
    kinds = [type(module).__name__ for module in network.modules()]
    own = {"unit": "PreActResidual", "attention": "SqueezeExcite", "gate": "AttentionGate", "context": "AtrousPyramid"}
    places = {"unit": 5, "attention": 5, "gate": 2, "context": 2}
    assert kinds.count(role.title()) == places[role]
    assert own[role] not in kinds
    assert all(name in kinds for other, name in own.items() if other != role)
    size = (13, 18, 8)[:dims]
    assert network(map_of(1, *size)).shape == (2, 2, *size)


@pytest.mark.usefixtures("_strangers")
def test_a_network_of_strangers_blocks_alone():
    network = build_network("resunetpp", **RGB, **TINY, **{role: f"toy_{role}" for role in ROLES})
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert network(map_of(3, 16, 16)).shape == (2, 1, 16, 16)


@pytest.mark.usefixtures("_strangers")
def test_a_gate_is_told_of_strides_other_than_2():
    with pytest.raises(OptionError, match="block 'toy_gate' has no option 'stride'"):
        build_network("resunetpp", **RGB, **TINY, gate="toy_gate", strides=((1, 2), 2))
    ours = build_network("resunetpp", **RGB, **TINY, gate="attention_gate", strides=((1, 2), 2))
    assert [step.gate.pool.kernel_size for step in ours.decoder] == [2, (1, 2)]


def test_a_named_unit_is_given_the_options_that_were_asked_for():
    network = build_network("resunetpp", **RGB, **TINY, unit="residual", norm="group", bias=False, dropout=0.1)
    unit = network.encoder[1][0]
    assert isinstance(unit.branch[0], nn.GroupNorm) and isinstance(unit.branch[2], nn.Dropout2d)
    assert unit.branch[3].bias is None


def test_a_block_of_another_role_or_no_block_is_refused():
    with pytest.raises(OptionError, match=r"'aspp' is of role context, not unit; of role unit are .*residual"):
        build_network("resunetpp", **RGB, unit="aspp")
    with pytest.raises(NameNotFound, match="squeeze_excite"):
        build_network("resunetpp", **RGB, attention="squeeze_exite")
