"""Everything that ships conforms: here without what takes minutes; `tox -e conformance` tries every promise of all."""

from __future__ import annotations

import inspect
import os

import pytest

from monaiseg._registry import registry
from monaiseg.build import resolve
from monaiseg.testing import run_checks

FULL = bool(os.environ.get("MONAISEG_CONFORMANCE"))
SHIPPED = {"unet", "unetpp", "unet3p", "resunetpp", "resnet"}
VARIANTS = {"unetpp_half": 2, "unetpp_small": 3, "residual_unetpp_half": 2, "unet3p_small": 2}
"""They differ from others in numbers alone; tried in the dimensions of the bundles that have them."""
EXPORTS = ("compile", "export", "export_dynamic", "onnx", "onnx_dynamic")
COMPILED = ("compile", "onnx", "onnx_dynamic")
IN_A_PROCESS = ("entry_point", "entry_without_torch", "quiet", "self_contained")


def shipped(kind):
    return [entry.spec.name for entry in registry().entries(kind) if entry.plugin.name in SHIPPED]


def takes_encoder(name):
    return "encoder" in inspect.signature(resolve(registry().find("network", name))).parameters


ON_ENCODERS = [name for name in shipped("network") if name not in VARIANTS and takes_encoder(name)]


def broken(name, **options):
    results = run_checks(name, **options)
    assert {r.status for r in results} <= {"passed", "skipped", "failed", "expected"}
    assert sum(r.status == "passed" for r in results) > 10, "hardly anything was tried"
    return {r.id: r.message for r in results if r.status in ("failed", "expected")}


LESS = {} if FULL else {"spatial_dims": 2, "skip": (*COMPILED, *IN_A_PROCESS, "export_dynamic", "overfits")}


@pytest.mark.parametrize("name", shipped("network"))
def test_a_network(name):
    less = {"skip": () if FULL else (*COMPILED, "export_dynamic-3d")}
    if name in VARIANTS and not FULL:
        less = LESS | {"spatial_dims": VARIANTS[name]}
    assert broken(name, kind="network", **less) == {}


@pytest.mark.parametrize("name", ON_ENCODERS)
def test_a_network_on_resnet18(name):
    assert broken(name, options={"encoder": "resnet18"}, **LESS) == {}


@pytest.mark.parametrize("name", ON_ENCODERS)
def test_a_network_on_resnet50(name):
    if not FULL:
        pytest.skip("takes a minute a network; run tox -e conformance")
    assert broken(name, options={"encoder": "resnet50"}, skip=EXPORTS) == {}


@pytest.mark.parametrize("name", shipped("encoder"))
def test_an_encoder(name):
    if not FULL and name not in ("resnet18", "resnet50"):
        pytest.skip("as resnet18 and resnet50, with more layers; run tox -e conformance")
    assert broken(name) == {}


@pytest.mark.parametrize("name", shipped("block"))
def test_a_block(name):
    assert broken(name, kind="block") == {}


def test_there_is_something_to_check():
    assert {"unet", "unetpp", "unet3p", "unet3p_cgm"} == set(ON_ENCODERS)
    assert set(shipped("network")) == {*ON_ENCODERS, *VARIANTS, "resunetpp", "residual_unetpp"}
    assert len(shipped("encoder")) == 5
    assert len(shipped("block")) >= 7
