"""Weights of other projects by the names that ours have."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

_LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def join_names(parts: Mapping[str, str], layers: Mapping[str, str]) -> dict[str, str]:
    """Return theirs to ours of each layer of each part: `{"a": "b"}` and `{"c": "d"}` are `{"a.c": "b.d"}`."""
    return {f"{theirs}.{inner}": f"{ours}.{own}" for theirs, ours in parts.items() for inner, own in layers.items()}


def rename_layers(
    state: Mapping[str, torch.Tensor], layers: Mapping[str, str], whose: str, kept: str = ""
) -> dict[str, torch.Tensor]:
    """Return a state dict with its layers, theirs to ours in `layers`, renamed: what a spec's `weights` is made of.

    Layers that the regular expression `kept` matches as a whole keep their names.

    Raises:
        ValueError: a key is of no such layer, or none of the tensors of convolutions and norms; the message names it
            and `whose` weights these should be.
    """
    renamed = {}
    for key, weight in state.items():
        layer, _, leaf = key.rpartition(".")
        ours = layer if re.fullmatch(kept, layer) else layers.get(layer)
        if not ours or leaf not in _LEAVES:
            raise ValueError(f"{key} is no weight of {whose}")
        renamed[f"{ours}.{leaf}"] = weight
    return renamed
