"""Names: plain where unique, `plugin:name` always, never guessed."""

from __future__ import annotations

import pytest

from monaiseg._loading import PluginRecord
from monaiseg._registry import Registry, registry
from monaiseg.errors import AmbiguousName, NameNotFound
from monaiseg.plugin import BlockSpec, EncoderSpec, NetworkSpec
from monaiseg.specs import Spec


def network(name: str) -> NetworkSpec:
    return NetworkSpec(name=name, build="toy.net:build", summary="A toy.", spatial_dims=(2, 3))


def encoder(name: str) -> EncoderSpec:
    return EncoderSpec(name=name, build="toy.net:build", summary="A toy.", spatial_dims=(2, 3))


def block(name: str) -> BlockSpec:
    return BlockSpec(name=name, build="toy.net:build", summary="A toy.", spatial_dims=(2, 3), role="unit")


def plugin(name: str, *specs: Spec) -> PluginRecord:
    return PluginRecord(name, f"{name}-dist", "1.0", "loaded", specs=specs)


TOYS = Registry(
    [
        plugin(
            "toy", network("unetpp"), network("toynet"), encoder("shared"), block("shared"), encoder("only_encoder")
        ),
        plugin("family", network("unet"), network("unetpp"), network("shared")),
        PluginRecord("broken", "broken-dist", "0.3", "failed", "import", "ImportError: no wheels"),
        PluginRecord("off", "off-dist", "0.4", "disabled"),
    ]
)


@pytest.mark.parametrize(
    ("name", "qualified"),
    [
        ("unet", "family:unet"),
        ("family:unet", "family:unet"),
        ("toy:toynet", "toy:toynet"),
        ("toy:unetpp", "toy:unetpp"),
        ("family:unetpp", "family:unetpp"),
    ],
)
def test_plain_and_qualified_names(name: str, qualified: str) -> None:
    assert TOYS.find("network", name).qualified == qualified


@pytest.mark.parametrize(("kind", "owner"), [("network", "family"), ("encoder", "toy"), ("block", "toy")])
def test_kinds_have_names_of_their_own(kind: str, owner: str) -> None:
    entry = TOYS.find(kind, "shared")
    assert (entry.spec.kind, entry.plugin.name) == (kind, owner)
    assert not TOYS.is_ambiguous(entry)


def test_an_ambiguous_name_lists_the_qualified_spellings() -> None:
    with pytest.raises(AmbiguousName) as error:
        TOYS.find("network", "unetpp")
    assert str(error.value) == "network 'unetpp' is provided by 2 plugins; write family:unetpp or toy:unetpp"
    assert [entry.qualified for entry in TOYS.entries("network") if TOYS.is_ambiguous(entry)] == [
        "family:unetpp",
        "toy:unetpp",
    ]


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("network", "unett", "no network 'unett' is installed; did you mean 'unet' or 'unetpp'?"),
        ("network", "toy:toynett", "did you mean 'toy:toynet'"),
        ("network", "family:toynet", " or 'toy:toynet'?"),
        ("network", "only_encoder", "; there is shared, toynet, unet, unetpp;"),
        ("encoder", "unet", "; there is only_encoder, shared;"),
        ("network", "UNET", "no network 'UNET' is installed"),
        ("network", ":unet", "no network ':unet' is installed"),
        ("network", "", "no network '' is installed"),
    ],
)
def test_an_unknown_name_is_met_with_the_nearest_of_its_kind(kind: str, name: str, said: str) -> None:
    with pytest.raises(NameNotFound) as error:
        TOYS.find(kind, name)
    assert said in str(error.value)
    assert "plugin broken (broken-dist 0.3) failed at import: ImportError: no wheels" in str(error.value)
    assert "plugin off (off-dist 0.4) is disabled" in str(error.value)


def test_an_empty_registry_says_that_there_is_none() -> None:
    with pytest.raises(NameNotFound, match=r"^no network 'unet' is installed; there is none$"):
        Registry([]).find("network", "unet")


def test_entries_are_sorted_by_name_and_plugin() -> None:
    assert [entry.qualified for entry in TOYS.entries("network")] == [
        "family:shared",
        "toy:toynet",
        "family:unet",
        "family:unetpp",
        "toy:unetpp",
    ]


def test_the_installed_plugins_are_loaded_once() -> None:
    assert registry() is registry()
    assert registry().find("network", "unet").plugin.distribution == "monaiseg"
