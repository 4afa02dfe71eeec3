"""Weights of other projects' UNets, by the names that these give them."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from monaiseg.nn import join_names, rename_layers

_NESTED_UNIT = {"conv1": "first.conv", "bn1": "first.norm", "conv2": "second.conv", "bn2": "second.norm"}
_NESTED_PARTS = {f"conv{i}_0": f"encoder.units.{i}" for i in range(5)} | {
    f"conv{3 - step}_{step + 1}": f"decoder.units.{step}" for step in range(4)
}
_NESTED = join_names(_NESTED_PARTS, _NESTED_UNIT) | {"final": "head"}
_NESTED_JOINS = {f"decoder.units.{step}.first.conv.weight" for step in range(4)}
_SMP_UNIT = {"conv1.0": "first.conv", "conv1.1": "first.norm", "conv2.0": "second.conv", "conv2.1": "second.norm"}
_SMP_PARTS = {f"decoder.blocks.{step}": f"decoder.units.{step}" for step in range(4)} | {
    "decoder.blocks.4": "decoder.last.1"
}
_SMP = join_names(_SMP_PARTS, _SMP_UNIT) | {"segmentation_head.0": "head"}
_RESNET = r"encoder\.(conv1|bn1|layer[1-4]\.\d+\.(conv[1-3]|bn[1-3]|downsample\.[01]))"


def from_nested_unet(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict of the UNet of 4uiiurz1/pytorch-nested-unet as ours has it.

    Ours is built with features (32, 64, 128, 256, 512), `upsample="bilinear_aligned"` and `bias=True`.

    Raises:
        ValueError: a key is none of that network's; the message names it.
    """
    renamed = rename_layers(state, _NESTED, "the UNet of 4uiiurz1/pytorch-nested-unet")
    for key in _NESTED_JOINS & renamed.keys():
        # They join the skip, as wide as the unit's output, before the map from below, we after it.
        renamed[key] = renamed[key].roll(-len(renamed[key]), dims=1)
    return renamed


def from_smp(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict of the Unet of segmentation_models.pytorch on a ResNet as ours on that encoder has it.

    Raises:
        ValueError: a key is none of that network's; the message names it.
    """
    return rename_layers(state, _SMP, "the Unet of segmentation_models.pytorch on a ResNet", kept=_RESNET)
