"""Weights of other projects' UNet++, by the names that these give them."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from monaiseg.nn import join_names, rename_layers
from segplug_unetpp._grid import grid_nodes

_NODES = [*grid_nodes(4)]
_NESTED_UNIT = {"conv1": "first.conv", "bn1": "first.norm", "conv2": "second.conv", "bn2": "second.norm"}
_NESTED_PARTS = {f"conv{i}_0": f"encoder.units.{i}" for i in range(5)} | {
    f"conv{i}_{j}": f"grid.nodes.x{i}_{j}" for i, j in _NODES
}
_NESTED_HEADS = {"final": "heads.4"} | {f"final{j}": f"heads.{j}" for j in range(1, 5)}
_NESTED = join_names(_NESTED_PARTS, _NESTED_UNIT) | _NESTED_HEADS
_SMP_UNIT = {"conv1.0": "first.conv", "conv1.1": "first.norm", "conv2.0": "second.conv", "conv2.1": "second.norm"}
# Theirs counts levels from the coarsest, and of a level's nodes the last first.
_SMP_PARTS = {f"decoder.blocks.x_{4 - i - j}_{3 - i}": f"grid.nodes.x{i}_{j}" for i, j in _NODES} | {
    "decoder.blocks.x_0_4": "heads.4.1"
}
_SMP = join_names(_SMP_PARTS, _SMP_UNIT) | {"segmentation_head.0": "heads.4.2"}
_RESNET = r"encoder\.(conv1|bn1|layer[1-4]\.\d+\.(conv[1-3]|bn[1-3]|downsample\.[01]))"


def from_nested_unet(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict of the NestedUNet of 4uiiurz1/pytorch-nested-unet as our UNet++ has it.

    Ours is built with `upsample="bilinear_aligned"` and `bias=True`, and with deep supervision where theirs is.

    Raises:
        ValueError: a key is none of that network's; the message names it.
    """
    return rename_layers(state, _NESTED, "the NestedUNet of 4uiiurz1/pytorch-nested-unet")


def from_smp(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict of the UnetPlusPlus of segmentation_models.pytorch on a ResNet as ours on that has it.

    Theirs has its default widths: `decoder_channels` of ours are those of all nodes, of theirs of the last ones alone.

    Raises:
        ValueError: a key is none of that network's; the message names it.
    """
    whose = "the UnetPlusPlus of segmentation_models.pytorch on a ResNet"
    return rename_layers(state, _SMP, whose, kept=_RESNET)
