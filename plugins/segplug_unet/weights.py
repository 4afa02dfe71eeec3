"""Weights of other projects' UNets, by the names that these give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch

_LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_NESTED_UNIT = {"conv1": "first.conv", "bn1": "first.norm", "conv2": "second.conv", "bn2": "second.norm"}
_NESTED_PARTS = {f"conv{i}_0": f"encoder.units.{i}" for i in range(5)} | {
    f"conv{3 - step}_{step + 1}": f"decoder.units.{step}" for step in range(4)
}
_NESTED = {
    f"{theirs}.{inner}": f"{ours}.{own}"
    for theirs, ours in _NESTED_PARTS.items()
    for inner, own in _NESTED_UNIT.items()
} | {"final": "head"}
_NESTED_JOINS = {f"decoder.units.{step}.first.conv.weight" for step in range(4)}
_SMP_UNIT = {"conv1.0": "first.conv", "conv1.1": "first.norm", "conv2.0": "second.conv", "conv2.1": "second.norm"}
_SMP_PARTS = {f"decoder.blocks.{step}": f"decoder.units.{step}" for step in range(4)} | {
    "decoder.blocks.4": "decoder.last.1"
}
_SMP = {
    f"{theirs}.{inner}": f"{ours}.{own}" for theirs, ours in _SMP_PARTS.items() for inner, own in _SMP_UNIT.items()
} | {"segmentation_head.0": "head"}
_RESNET = re.compile(r"encoder\.(conv1|bn1|layer[1-4]\.\d+\.(conv[1-3]|bn[1-3]|downsample\.[01]))")


def from_nested_unet(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict of the UNet of 4uiiurz1/pytorch-nested-unet as ours has it.

    Ours is built with features (32, 64, 128, 256, 512), `upsample="bilinear_aligned"` and `bias=True`.

    Raises:
        ValueError: a key is none of that network's; the message names it.
    """
    renamed = _renamed(state, _NESTED.get, "the UNet of 4uiiurz1/pytorch-nested-unet")
    for key in _NESTED_JOINS & renamed.keys():
        # They join the skip, as wide as the unit's output, before the map from below, we after it.
        renamed[key] = renamed[key].roll(-len(renamed[key]), dims=1)
    return renamed


def from_smp(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict of the Unet of segmentation_models.pytorch on a ResNet as ours on that encoder has it.

    Raises:
        ValueError: a key is none of that network's; the message names it.
    """
    return _renamed(state, _smp_layer, "the Unet of segmentation_models.pytorch on a ResNet")


def _smp_layer(layer: str) -> str | None:
    return layer if _RESNET.fullmatch(layer) else _SMP.get(layer)


def _renamed(
    state: Mapping[str, torch.Tensor], ours: Callable[[str], str | None], whose: str
) -> dict[str, torch.Tensor]:
    """Return `state` with each layer called as `ours` has it, None being one that is not there."""
    renamed = {}
    for key, weight in state.items():
        layer, _, leaf = key.rpartition(".")
        own = ours(layer)
        if own is None or leaf not in _LEAVES:
            raise ValueError(f"{key} is no weight of {whose}")
        renamed[f"{own}.{leaf}"] = weight
    return renamed
