"""Suites of checks: selections, kinds and errors."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from monaiseg._registry import registry
from monaiseg.errors import ConfigError, NameNotFound, OptionError
from monaiseg.testing import NotConforming, Suite, assert_conforms, checks, run_checks

SLOW = ("compile", "onnx", "onnx_dynamic")


def broken(name, **options):
    return {r.id: r.message for r in Suite(name, **options) if r.status not in ("passed", "skipped")}


@pytest.mark.slow
def test_onnx_and_compile():
    results = run_checks("unet", only=SLOW, spatial_dims=2)
    assert {r.id: r.message for r in results if r.status != "passed"} == {}
    assert [r.id for r in results] == ["onnx-2d", "onnx_dynamic-2d", "compile"]


def test_options_reach_the_builder():
    with_dropout = Suite("unet", options={"dropout": 0.5}, spatial_dims=2)._subject(2).build()
    assert any(isinstance(module, torch.nn.Dropout2d) for module in with_dropout.modules())
    assert broken("unet", options={"dropout": 0.2}, spatial_dims=2, only=["repeatable", "training_outputs"]) == {}


def test_an_option_that_does_not_exist_is_refused_by_the_builder():
    messages = broken("unet", options={"norn": "group"}, spatial_dims=2, only=["builds"])
    assert "did you mean 'norm'" in messages["builds-2d"]


def test_only_and_skip_take_names_with_and_without_dimensions():
    assert Suite("unet", only=["logits", "seed-3d"], skip=["logits-2d"]).cases == ("logits-3d", "seed-3d")
    assert "compile" not in Suite("unet", skip=["compile"]).cases


def test_dimensions():
    assert Suite("unet", spatial_dims=3, only=["logits"]).cases == ("logits-3d",)
    with pytest.raises(OptionError, match="spatial_dims 2 or 3, not 4"):
        Suite("unet", spatial_dims=4)


def test_a_check_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="no check 'onyx'; did you mean 'onnx'"):
        Suite("unet", only=["onyx"])


@pytest.mark.parametrize(("name", "kind"), [("resnet81", "encoder"), ("cbm", "block"), ("unnet", "network")])
def test_an_unknown_name_is_told_with_those_like_it_of_any_kind(name, kind):
    with pytest.raises(NameNotFound, match=f"no {kind} '{name}' is installed; did you mean"):
        Suite(name)


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="network, encoder or block"):
        checks("decoder")


def test_options_must_be_a_mapping():
    with pytest.raises(ConfigError, match="it must be a mapping"):
        Suite("unet", options=["norm"])


def test_assert_conforms_names_what_is_broken():
    assert_conforms("unet", spatial_dims=2, only=["logits", "seed"])
    with pytest.raises(NotConforming, match=r"network 'unet' breaks 1 promise: builds-2d: .*no option 'x'"):
        assert_conforms("unet", spatial_dims=2, options={"x": 1}, only=["builds", "logits"])


def test_without_onnx_its_checks_are_skipped_and_say_what_to_install(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("monaiseg.testing._suite.find_spec", lambda name: None if name == "onnx" else found(name))
    result = Suite("unet").result("onnx-2d")
    assert (result.status, result.message) == ("skipped", "onnx is not installed: pip install monaiseg[onnx]")


def test_without_a_compiler_compile_is_skipped(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    result = Suite("unet").result("compile")
    assert result.status == "skipped"
    assert "g++ or clang++" in result.message


def test_the_generators_of_the_caller_are_left_as_they_were():
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    assert broken("unet", spatial_dims=2, skip=(*SLOW, "export", "export_dynamic")) == {}
    assert random.getstate() == states[0]
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert torch.equal(torch.get_rng_state(), states[2])


def test_names_are_unique_and_promises_short():
    for kind in ("network", "encoder", "block"):
        names = [check.name for check in checks(kind)]
        assert len(names) == len(set(names)) > 10
        for check in checks(kind):
            assert set(check.after) <= set(names), f"{check.name} builds on a check that {kind}s do not have"
            assert 0 < len(check.promise) < 80 and check.how.endswith(".")


def test_the_kit_loads_no_torch_until_it_is_used():
    script = (
        "import sys, monaiseg.testing, monaiseg.testing._pytest_plugin; print({'torch', 'monai'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_every_installed_name_has_a_suite():
    for kind in ("network", "encoder", "block"):
        for entry in registry().entries(kind):
            assert len(Suite(entry.qualified, kind).cases) > 10
