"""Weights of other projects' UNet++, by the names that these give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch

from segplug_unetpp._grid import grid_nodes

_LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_NODES = [*grid_nodes(4)]
_NESTED_UNIT = {"conv1": "first.conv", "bn1": "first.norm", "conv2": "second.conv", "bn2": "second.norm"}
_NESTED_PARTS = {f"conv{i}_0": f"encoder.units.{i}" for i in range(5)} | {
    f"conv{i}_{j}": f"grid.nodes.x{i}_{j}" for i, j in _NODES
}
_NESTED = {
    f"{theirs}.{inner}": f"{ours}.{own}"
    for theirs, ours in _NESTED_PARTS.items()
    for inner, own in _NESTED_UNIT.items()
} | {"final": "heads.4", **{f"final{j}": f"heads.{j}" for j in range(1, 5)}}
_SMP_UNIT = {"conv1.0": "first.conv", "conv1.1": "first.norm", "conv2.0": "second.conv", "conv2.1": "second.norm"}
# Theirs counts levels from the coarsest, and of a level's nodes the last first.
_SMP_PARTS = {f"decoder.blocks.x_{4 - i - j}_{3 - i}": f"grid.nodes.x{i}_{j}" for i, j in _NODES} | {
    "decoder.blocks.x_0_4": "heads.4.1"
}
_SMP = {
    f"{theirs}.{inner}": f"{ours}.{own}" for theirs, ours in _SMP_PARTS.items() for inner, own in _SMP_UNIT.items()
} | {"segmentation_head.0": "heads.4.2"}
_RESNET = re.compile(r"encoder\.(conv1|bn1|layer[1-4]\.\d+\.(conv[1-3]|bn[1-3]|downsample\.[01]))")


def from_nested_unet(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict of the NestedUNet of 4uiiurz1/pytorch-nested-unet as our UNet++ has it.

    Ours is built with `upsample="bilinear_aligned"` and `bias=True`, and with deep supervision where theirs is.

    Raises:
        ValueError: a key is none of that network's; the message names it.
    """
    return _renamed(state, _NESTED.get, "the NestedUNet of 4uiiurz1/pytorch-nested-unet")


def from_smp(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict of the UnetPlusPlus of segmentation_models.pytorch on a ResNet as ours on that has it.

    Theirs has its default widths: `decoder_channels` of ours are those of all nodes, of theirs of the last ones alone.

    Raises:
        ValueError: a key is none of that network's; the message names it.
    """
    return _renamed(state, _smp_layer, "the UnetPlusPlus of segmentation_models.pytorch on a ResNet")


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
