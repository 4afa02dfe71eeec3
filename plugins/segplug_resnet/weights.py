"""Weights from elsewhere: torchvision's layout, other numbers of channels, pictures to volumes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from segplug_resnet._files import imagenet_file, read_state

Inflation = Literal["mean", "centre"]
State = Mapping[str, torch.Tensor]


def load_pretrained(
    encoder: nn.Module, pretrained: str | os.PathLike[str], depth: int, inflate: Inflation = "mean"
) -> None:
    """Load a file, or with `imagenet` torchvision's for a ResNet of that depth, into an encoder.

    Raises:
        ValueError: the file is missing, damaged, or holds the weights of another network; the message names it.
    """
    if not isinstance(pretrained, str | os.PathLike):
        raise ValueError(f"pretrained is {pretrained!r}; it must be a file, imagenet or None")  # noqa: TRY004
    path = imagenet_file(depth) if pretrained == "imagenet" else Path(pretrained).expanduser()
    state = from_torchvision(read_state(path))
    target = encoder.state_dict()
    fitted = fit(state, target, inflate)
    problem = _mismatch(state, fitted, target)
    if problem:
        raise ValueError(f"{path}: holds the weights of another network ({problem}); choose the file of this encoder")
    encoder.load_state_dict(fitted)


def from_torchvision(state: State) -> dict[str, torch.Tensor]:
    """Return torchvision's weights as the encoder has them: without the classifier.

    Files from before batch norm counted its batches get counters of 0.
    """
    mine = {key: weight for key, weight in state.items() if not key.startswith("fc.")}
    for key in state:
        if key.endswith(".running_mean"):
            mine.setdefault(key.removesuffix("running_mean") + "num_batches_tracked", torch.tensor(0))
    return mine


def fit(state: State, target: State, inflate: Inflation = "mean") -> dict[str, torch.Tensor]:
    """Return `state` with the first convolution for the channels, and all for the dimensions, that `target` has."""
    fitted = dict(state)
    for key in state.keys() & target.keys():
        weight, wanted = state[key], target[key]
        if key == "conv1.weight" and weight.ndim > 1:
            weight = to_channels(weight, wanted.shape[1])
        if weight.ndim == 4 and wanted.ndim == 5:
            weight = to_volume(weight, wanted.shape[-1], inflate)
        fitted[key] = weight
    return fitted


def to_channels(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """Return the weights `[O, 3, *kernel]` of a convolution of RGB as `[O, channels, *kernel]`; others unchanged.

    One channel gets the sum, so that a grey image gives what it gives as RGB; more get red, green and blue in turn,
    scaled so that the response keeps its size.
    """
    if weight.shape[1] != 3 or channels == 3:
        return weight
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    return weight[:, [channel % 3 for channel in range(channels)]] * (3 / channels)


def to_volume(weight: torch.Tensor, depth: int, inflate: Inflation) -> torch.Tensor:
    """Return 2D weights `[O, I, H, W]` as `[O, I, H, W, depth]`: the axis of the slices of a volume is its last.

    Both ways give a volume that is constant along that axis the response of its slice: `centre` everywhere, `mean`
    where the padding at the ends is out of reach.
    """
    if inflate == "mean":
        return weight.unsqueeze(-1).repeat_interleave(depth, dim=-1) / depth
    deep = weight.new_zeros(*weight.shape, depth)
    deep[..., depth // 2] = weight
    return deep


def _mismatch(state: State, fitted: State, target: State) -> str:
    """Return in a few words how the weights differ from the encoder's, empty where they fit."""
    shapes = [
        f"{key} is {_shape(state[key])}, not {_shape(target[key])}"
        for key in target
        if key in fitted and fitted[key].shape != target[key].shape
    ]
    found = {
        "missing": [key for key in target if key not in state],
        "unknown": [key for key in state if key not in target],
        "of another shape": shapes,
    }
    return "; ".join(f"{len(keys)} {how}: {_some(keys)}" for how, keys in found.items() if keys)


def _shape(weight: torch.Tensor) -> str:
    return "x".join(map(str, weight.shape)) or "a number"


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys[:2]) + (", ..." if len(keys) > 2 else "")
