"""Reads what a network gives, and compares it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from monaiseg.testing._check import PromiseBroken, require

TOLERANCE = 1e-4
"""Of two ways to compute the same in float32, relative to the largest value."""


def tensors(output: Any) -> list[torch.Tensor]:
    """Return all tensors of an output: a tensor, or a list or dict of them, however nested."""
    if isinstance(output, torch.Tensor):
        return [output]
    parts = list(output.values()) if isinstance(output, Mapping) else output
    if not isinstance(parts, list | tuple):
        raise PromiseBroken(f"it gives a {type(output).__name__}, which is neither a tensor nor a list or dict of them")
    return [tensor for part in parts for tensor in tensors(part)]


def heads(output: Any) -> list[torch.Tensor]:
    """Return the logits of all heads, the main one first."""
    if isinstance(output, Mapping):
        require("logits" in output, f"it gives a dict without 'logits': {', '.join(map(str, output))}")
        output = output["logits"]
    return tensors(output)


def main_head(output: Any) -> torch.Tensor:
    """Return the logits of the main head."""
    found = heads(output)
    require(bool(found), "it gives an empty list")
    return found[0]


def energy(output: Any) -> torch.Tensor:
    """Return a loss that depends on all of an output: the sum of the mean squares of its tensors."""
    return torch.stack([tensor.float().square().mean() for tensor in tensors(output)]).sum()


def require_same(found: Any, wanted: Any, when: str, tolerance: float = TOLERANCE) -> None:
    """Require that two outputs hold tensors of the same shapes and, relative to the largest value, the same values."""
    pairs = tensors(found), tensors(wanted)
    require(len(pairs[0]) == len(pairs[1]), f"{when}, it gives {len(pairs[0])} tensors instead of {len(pairs[1])}")
    for one, other in zip(*pairs, strict=True):
        require(one.shape == other.shape, f"{when}, its shape is {shape(one)} instead of {shape(other)}")
        apart = float((one.detach().double() - other.detach().double()).abs().max())
        scale = float(other.detach().abs().max())
        require(apart <= tolerance * max(scale, 1e-3), f"{when}, it differs by {apart:.2g} at a scale of {scale:.2g}")


def require_finite(output: Any, when: str) -> None:
    """Require that no tensor of an output holds an infinity or a NaN."""
    require(all(bool(torch.isfinite(tensor).all()) for tensor in tensors(output)), f"{when}, it gives inf or nan")


def require_finite_gradients(module: nn.Module, when: str) -> None:
    """Require a finite gradient of every parameter that wants one."""
    wanting = {name: p.grad for name, p in module.named_parameters() if p.requires_grad}
    without = [name for name, grad in wanting.items() if grad is None]
    require(not without, f"{when}, {named(without)} {'get' if len(without) > 1 else 'gets'} no gradient")
    bad = [name for name, grad in wanting.items() if grad is not None and not torch.isfinite(grad).all()]
    require(not bad, f"{when}, the gradient of {named(bad)} is inf or nan")


def named(names: list[str]) -> str:
    """Return the first three of the names and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def shape(tensor: torch.Tensor) -> str:
    """Return the shape as it is written in messages: `[2, 3, 64, 64]`."""
    return str(list(tensor.shape))
