"""What a builder does not understand is refused before it is called, in words that help."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from strangers import NET, entry_module, on_path, spec, write_distribution
from torch import nn

from monaiseg import build_block, build_encoder, build_network
from monaiseg.errors import ConfigError, NameNotFound, OptionError, PluginError

SIZES: dict[str, Any] = dict(spatial_dims=2, in_channels=3, out_channels=2)

ODD = """
from torch import nn
from monaiseg.plugin import build_block, build_encoder

CALLS = []


def counted(*, spatial_dims, in_channels, out_channels, width):
    CALLS.append(width)
    return nn.Conv2d(in_channels, out_channels, width)


def no_module(*, spatial_dims, in_channels, out_channels):
    return "a network"


def crashes(*, spatial_dims, in_channels, out_channels):
    raise RuntimeError("out of\\nluck")


def composed(*, spatial_dims, in_channels, out_channels, encoder="toy_encoder", unit="toy_unit"):
    encoder = build_encoder(encoder, spatial_dims=spatial_dims, in_channels=in_channels)
    unit = build_block(unit, spatial_dims=spatial_dims, in_channels=encoder.out_channels[0], out_channels=out_channels)
    return Composed(encoder, unit)


class Composed(nn.Module):
    def __init__(self, encoder, unit):
        super().__init__()
        self.encoder, self.unit = encoder, unit

    def forward(self, x):
        return self.unit(self.encoder(x)[0])


class Encoder(nn.Module):
    out_channels, strides = (5,), (1,)

    def __init__(self, *, spatial_dims, in_channels, pretrained=None, freeze=False):
        super().__init__()
        self.conv = (nn.Conv2d if spatial_dims == 2 else nn.Conv3d)(in_channels, 5, 1)

    def forward(self, x):
        return [self.conv(x)]


def unit(*, spatial_dims, in_channels, out_channels, stride=1):
    return (nn.Conv2d if spatial_dims == 2 else nn.Conv3d)(in_channels, out_channels, 1, stride)
"""

ENTRY = entry_module(
    spec("Network", "toy_net", "toy.net:build"),
    spec("Network", "toy_deep", "toy.net:build_deep", "deep_supervision=True"),
    "NetworkSpec(name='toy_flat', build='toy.net:build', summary='A toy.', spatial_dims=(2,))",
    *(spec("Network", name, f"toy.odd:{name}") for name in ("counted", "no_module", "crashes", "composed")),
    spec("Encoder", "toy_encoder", "toy.odd:Encoder"),
    spec("Block", "toy_unit", "toy.odd:unit", "role='unit'"),
)


@pytest.fixture(autouse=True)
def _toys(tmp_path: Path) -> Iterator[None]:
    modules = {"toy/__init__.py": ENTRY, "toy/net.py": NET, "toy/odd.py": ODD}
    write_distribution(tmp_path, "toy-dist", entry_points={"toy": "toy"}, modules=modules)
    with on_path(tmp_path):
        yield


def shape(network: nn.Module, spatial_dims: int, in_channels: int = 3) -> tuple[int, ...]:
    return tuple(network.eval()(torch.zeros(1, in_channels, *(8,) * spatial_dims)).shape)


@pytest.mark.parametrize("name", ["toy_net", "toy:toy_net"])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_a_strangers_network(name: str, spatial_dims: int) -> None:
    network = build_network(name, spatial_dims=spatial_dims, in_channels=3, out_channels=2)
    assert shape(network, spatial_dims) == (1, 2, *(8,) * spatial_dims)


@pytest.mark.parametrize("given", [{"arch_options": {"width": 7}}, {"width": 7}])
def test_options_arrive_either_way(given: dict[str, Any]) -> None:
    network: Any = build_network("toy_net", **SIZES, **given)
    assert network.head.in_channels == 7


@pytest.mark.parametrize("given", [{"arch_options": {"widht": 7, "width": 1}}, {"widht": 7, "width": 1}])
def test_an_unknown_option_is_refused_before_construction(given: dict[str, Any]) -> None:
    import toy.odd  # type: ignore[import-not-found]

    build_network("counted", **SIZES, width=1)
    with pytest.raises(OptionError) as error:
        build_network("counted", **SIZES, **given)
    assert str(error.value) == "network 'counted' has no option 'widht'; did you mean 'width'?"
    assert toy.odd.CALLS == [1]


def test_a_needed_option_that_is_missing_is_named() -> None:
    with pytest.raises(OptionError, match=r"^network 'counted' needs the option 'width'$"):
        build_network("counted", **SIZES)


@pytest.mark.parametrize("key", ["spatial_dims", "in_channels", "out_channels", "deep_supervision"])
def test_arch_options_do_not_override_keys_of_their_own(key: str) -> None:
    with pytest.raises(ConfigError, match=f"arch_options has '{key}', .* set {key} instead"):
        build_network("toy_deep", **SIZES, arch_options={key: 3})


@pytest.mark.parametrize("value", ["norm=instance", "none", 3, ["width"]])
def test_arch_options_must_be_a_mapping(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"arch_options is .* must be a mapping"):
        build_network("toy_net", **SIZES, arch_options=value)


@pytest.mark.parametrize(
    ("name", "spatial_dims", "said"),
    [
        ("toy_flat", 3, "network 'toy_flat' takes spatial_dims 2, not 3"),
        ("toy_net", 4, "network 'toy_net' takes spatial_dims 2 or 3, not 4"),
        ("toy_net", "2", "network 'toy_net' takes spatial_dims 2 or 3, not '2'"),
        ("unet", 1, "network 'unet' takes spatial_dims 2 or 3, not 1"),
    ],
)
def test_dimensions_that_a_network_does_not_take(name: str, spatial_dims: Any, said: str) -> None:
    with pytest.raises(OptionError) as error:
        build_network(name, spatial_dims=spatial_dims, in_channels=1, out_channels=1)
    assert str(error.value) == said


@pytest.mark.parametrize("name", ["toy_net", "unet"])
def test_deep_supervision_is_an_error_where_it_is_not_understood(name: str) -> None:
    with pytest.raises(OptionError, match=f"network '{name}' has no deep supervision; set .* to False or auto"):
        build_network(name, **SIZES, deep_supervision=True)


@pytest.mark.parametrize(
    ("name", "asked", "outputs"),
    [
        ("toy_net", "auto", None),
        ("toy_net", False, None),
        ("toy_deep", False, None),
        ("toy_deep", True, 2),
        ("toy_deep", "auto", 2),
    ],
)
def test_deep_supervision(name: str, asked: Any, outputs: int | None) -> None:
    out = build_network(name, **SIZES, deep_supervision=asked).train()(torch.zeros(1, 3, 8, 8))
    assert (len(out) if isinstance(out, list) else None) == outputs


@pytest.mark.parametrize("name", ["toy_net", "toy_deep"])
@pytest.mark.parametrize("asked", ["none", "True", 1, 0, None, 2])
def test_deep_supervision_of_another_type_is_refused(name: str, asked: Any) -> None:
    with pytest.raises(ConfigError, match=r"deep_supervision is .*; it must be True, False or auto"):
        build_network(name, **SIZES, deep_supervision=asked)


@pytest.mark.parametrize("width", [0, "wide"])
def test_a_value_that_the_builder_refuses(width: object) -> None:
    with pytest.raises(OptionError, match=r"^network 'toy_net' refuses its options: ") as error:
        build_network("toy_net", **SIZES, width=width)
    assert isinstance(error.value.__cause__, ValueError | TypeError)


def test_a_builder_that_crashes_is_told_with_its_plugin() -> None:
    with pytest.raises(PluginError, match=r"network 'crashes' of plugin toy \(toy-dist 1.0\) .*RuntimeError: out of"):
        build_network("crashes", **SIZES)


def test_a_builder_that_returns_no_module_is_told_with_its_plugin() -> None:
    with pytest.raises(PluginError, match=r"network 'no_module' of plugin toy \(toy-dist 1.0\) built a str, not a"):
        build_network("no_module", **SIZES)


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_a_strangers_encoder_and_block(spatial_dims: int) -> None:
    encoder: Any = build_encoder("toy:toy_encoder", spatial_dims=spatial_dims, in_channels=3)
    (features,) = encoder(torch.zeros(1, 3, *(8,) * spatial_dims))
    assert features.shape[1] == encoder.out_channels[0] == 5
    unit = build_block("toy_unit", spatial_dims=spatial_dims, in_channels=3, out_channels=4, stride=2)
    assert shape(unit, spatial_dims) == (1, 4, *(4,) * spatial_dims)


def test_encoders_and_blocks_are_checked_like_networks() -> None:
    with pytest.raises(OptionError, match="encoder 'toy_encoder' has no option 'pretrain'; did you mean 'pretrained'"):
        build_encoder("toy_encoder", spatial_dims=2, in_channels=3, pretrain=True)
    with pytest.raises(OptionError, match="block 'toy_unit' needs the option 'out_channels'"):
        build_block("toy_unit", spatial_dims=2, in_channels=3)
    with pytest.raises(OptionError, match="block 'toy_unit' takes spatial_dims 2 or 3, not 1"):
        build_block("toy_unit", spatial_dims=1, in_channels=3, out_channels=3)
    with pytest.raises(NameNotFound, match="no block 'toy_encoder' is installed"):
        build_block("toy_encoder", spatial_dims=2)
    with pytest.raises(NameNotFound, match="no encoder 'toy_net' is installed"):
        build_encoder("toy_net", spatial_dims=2, in_channels=3)


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_a_network_composed_by_name(spatial_dims: int) -> None:
    network = build_network("composed", spatial_dims=spatial_dims, in_channels=3, out_channels=2)
    assert shape(network, spatial_dims) == (1, 2, *(8,) * spatial_dims)


def test_an_unknown_part_of_a_composed_network_is_not_blamed_on_its_plugin() -> None:
    with pytest.raises(NameNotFound, match="no encoder 'toy_encoda' is installed; did you mean 'toy_encoder'"):
        build_network("composed", **SIZES, encoder="toy_encoda")
