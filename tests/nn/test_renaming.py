"""Weights of other projects by the names that ours have."""

from __future__ import annotations

import pytest
import torch

from monaiseg.nn import join_names, rename_layers

LAYERS = join_names({"c1": "encoder.0", "c2": "encoder.1"}, {"conv": "first.conv", "bn": "first.norm"})


def test_each_layer_of_each_part_is_named():
    assert LAYERS == {
        "c1.conv": "encoder.0.first.conv",
        "c1.bn": "encoder.0.first.norm",
        "c2.conv": "encoder.1.first.conv",
        "c2.bn": "encoder.1.first.norm",
    }


def test_tensors_keep_their_values_and_their_order():
    state = {"c2.bn.running_var": torch.ones(2), "c1.conv.weight": torch.zeros(3)}
    renamed = rename_layers(state, LAYERS, "theirs")
    assert [*renamed] == ["encoder.1.first.norm.running_var", "encoder.0.first.conv.weight"]
    assert all(mine is theirs for mine, theirs in zip(renamed.values(), state.values(), strict=True))


def test_kept_layers_are_those_that_match_as_a_whole():
    state = {"stem.1.weight": torch.zeros(1)}
    assert [*rename_layers(state, {}, "theirs", kept=r"stem\.\d")] == ["stem.1.weight"]
    with pytest.raises(ValueError, match=r"^stem\.1\.weight is no weight of theirs$"):
        rename_layers(state, {}, "theirs", kept=r"stem\.")


@pytest.mark.parametrize("key", ["c3.conv.weight", "c1.conv.scale", "c1.conv", "weight", ""])
def test_a_key_that_is_not_understood_is_refused_by_name(key):
    with pytest.raises(ValueError, match=rf"^{key} is no weight of theirs$"):
        rename_layers({"c1.bn.bias": torch.zeros(1), key: torch.zeros(1)}, LAYERS, "theirs")
