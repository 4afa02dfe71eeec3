"""Weights of the authors' own PyTorch code."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from monaiseg.nn import join_names, rename_layers

_SHORTCUT_AND_ATTENTION = {
    "c2.0": "0.shortcut.0",
    "c2.1": "0.shortcut.1",
    "attn.net.0": "1.layers.0",
    "attn.net.2": "1.layers.2",
}
_STEM = {f"c1.{place}": f"0.branch.{place}" for place in (0, 1, 3)} | _SHORTCUT_AND_ATTENTION
_UNIT = {f"c1.{place}": f"0.branch.{place}" for place in (0, 2, 3, 5)} | _SHORTCUT_AND_ATTENTION
_PYRAMID = {f"c{n + 1}.{place}": f"branches.{n}.{place}" for n in range(4) for place in (0, 1)} | {"c5": "join"}
_GATE = {
    f"{theirs}.{place}": f"{ours}.{place}"
    for theirs, ours in (("g_conv", "of_skip"), ("x_conv", "of_x"), ("gc_conv", "of_both"))
    for place in (0, 2)
}
_PARTS = {
    ("c1", "encoder.0"): _STEM,
    **{(f"c{n + 1}", f"encoder.{n}"): _UNIT for n in (1, 2, 3)},
    ("b1", "bridge"): _PYRAMID,
    **{(f"d{n + 1}.a1", f"decoder.{n}.gate"): _GATE for n in range(3)},
    **{(f"d{n + 1}.r1", f"decoder.{n}.unit"): _UNIT for n in range(3)},
    ("aspp", "output"): _PYRAMID,
}
_LAYERS = {
    theirs: ours for part, layers in _PARTS.items() for theirs, ours in join_names(dict([part]), layers).items()
} | {"output": "head"}
_LINEAR = {f"{ours}.weight" for theirs, ours in _LAYERS.items() if ".attn." in theirs}


def from_resunetplusplus(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict of DebeshJha/ResUNetPlusPlus as the ResUNet++ with its default options has it.

    Raises:
        ValueError: a key is none of that network's; the message names it.
    """
    renamed = rename_layers(state, _LAYERS, "DebeshJha/ResUNetPlusPlus")
    # Their squeeze-and-excitation is of linear layers, ours of 1x1 convolutions.
    return {key: weight[..., None, None] if key in _LINEAR else weight for key, weight in renamed.items()}
