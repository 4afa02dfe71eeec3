"""Whether a layer may be computed by another way than calling it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

Forward = TypeVar("Forward", bound=Callable[..., Any])
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def as_made(layer: nn.Module, *kinds: type[nn.Module]) -> bool:
    """Return whether a layer computes what one of these kinds does, and has no hooks of its own.

    Subclasses may compute something else, and so may a layer whose `forward` was replaced, as libraries do that move
    weights between devices. Hooks are of those who draw attention maps or prune weights; those set on all modules at
    once are not looked for, as torch's counter of operations sets one and is to count what is done.
    """
    own = any(isinstance(layer, kind) and type(layer).forward is kind.forward for kind in kinds)
    return own and "forward" not in vars(layer) and not any(getattr(layer, hooks) for hooks in _HOOKS)


def takes_upsampled(forward: Forward) -> Forward:
    """Mark a `forward` that takes an `Upsampled` in place of a tensor; what overrides it is not marked."""
    forward.takes_upsampled = True  # type: ignore[attr-defined]
    return forward


def wants_upsampled(layer: nn.Module) -> bool:
    """Return whether a layer is to be given an `Upsampled` as it is."""
    return hasattr(type(layer).forward, "takes_upsampled") and as_made(layer, type(layer))
