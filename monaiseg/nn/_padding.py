"""Any input size for networks that halve their input: pad at the high end, compute, crop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional as F

from monaiseg.errors import ConfigError

Stride = int | Sequence[int]
"""How much coarser or finer: one number, or one an axis."""
Outputs = TypeVar("Outputs")
"""A tensor, or a list or dict of them: the three training outputs of the contract."""


def per_axis(value: Stride, spatial_dims: int) -> tuple[int, ...]:
    """Return `value` with one number an axis."""
    return tuple(value) if isinstance(value, Sequence) else (value,) * spatial_dims


def pad_to_divisor(x: torch.Tensor, divisor: Stride) -> torch.Tensor:
    """Return `x: [B, C, *spatial]`, replicated at the high end of each axis up to the next multiple of `divisor`.

    `divisor` is one number, or one an axis. A divisible `x` is returned as it is.
    """
    divisors = per_axis(divisor, x.ndim - 2)
    missing = [-size % d for size, d in zip(reversed(x.shape[2:]), reversed(divisors), strict=True)]
    if not any(missing):
        return x
    return F.pad(x, [edge for m in missing for edge in (0, m)], mode="replicate")


def crop_to(outputs: Outputs, size: Sequence[int]) -> Outputs:
    """Return `outputs` with each map `[B, C, *spatial]` in them cut to `size`; vectors `[B, C]` pass unchanged."""
    if isinstance(outputs, torch.Tensor):
        return outputs[(..., *(slice(s) for s in size))] if outputs.ndim == len(size) + 2 else outputs  # type: ignore
    if isinstance(outputs, dict):
        return type(outputs)((key, crop_to(value, size)) for key, value in outputs.items())
    if isinstance(outputs, list):
        return type(outputs)(crop_to(value, size) for value in outputs)
    raise TypeError(f"a network gave a {type(outputs).__name__}; it must give a tensor, a list or a dict")


def _norms_each_channel(module: nn.Module) -> bool:
    """Tell whether a module takes statistics of each channel of each image, which a single element does not have."""
    if isinstance(module, nn.GroupNorm):
        return module.num_groups == module.num_channels
    return isinstance(module, nn.modules.instancenorm._InstanceNorm)


class PaddedNetwork(nn.Module):
    """Base of networks whose computation needs sizes divisible by `size_divisor`; subclasses write `compute`.

    Attributes:
        size_divisor: the divisor, one number or one an axis.
        pad_input: set to False to have the unpadded computation, for an exporter that pads outside the graph.
    """

    def __init__(self, size_divisor: Stride) -> None:
        super().__init__()
        self.size_divisor = size_divisor
        self.pad_input = True

    def forward(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor] | dict[str, torch.Tensor]:
        """Return what `compute` gives for `x: [B, C, *spatial]` of any size, cut to that size."""
        if not self.pad_input:
            return self.compute(x)
        padded = self._pad(x)
        outputs = self.compute(padded)
        return outputs if padded is x else crop_to(outputs, x.shape[2:])

    def _pad(self, x: torch.Tensor) -> torch.Tensor:
        """Pad so that norms have more than a single element an image, or a batch, to take statistics of."""
        padded = pad_to_divisor(x, self.size_divisor)
        divisors = per_axis(self.size_divisor, x.ndim - 2)
        if any(size > divisor for size, divisor in zip(padded.shape[2:], divisors, strict=True)):
            return padded
        if any(map(_norms_each_channel, self.modules())):
            return F.pad(padded, [0, divisors[-1], *[0, 0] * (x.ndim - 3)], mode="replicate")
        if len(x) == 1 and any(isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training for m in self.modules()):
            size = "x".join(map(str, x.shape[2:]))
            raise ConfigError(
                f"batch norm cannot train on a batch of one image of {size}: at the coarsest level that is a single "
                "element; use a larger batch_size or roi_size"
            )
        return padded

    def compute(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor] | dict[str, torch.Tensor]:
        """Return the logits for `x: [B, C, *spatial]` of a divisible size."""
        raise NotImplementedError
