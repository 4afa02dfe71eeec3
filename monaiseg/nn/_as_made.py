"""Whether a layer may be computed by another way than calling it."""

from __future__ import annotations

from typing import TypeGuard

from torch import nn
from torch.nn.modules.conv import _ConvNd

_FORWARDS = (nn.Conv2d.forward, nn.Conv3d.forward)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def hooked(layer: nn.Module) -> bool:
    """Return whether somebody is told of the layer's calls, as those are who draw attention maps or prune weights."""
    return any(getattr(layer, hooks) for hooks in _HOOKS)


def as_made(convolution: nn.Module) -> TypeGuard[_ConvNd]:
    """Return whether this is a convolution of torch's that nobody has replaced or hooked into."""
    return type(convolution).forward in _FORWARDS and not hooked(convolution)
