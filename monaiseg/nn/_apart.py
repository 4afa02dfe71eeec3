"""Norms of maps that are yet to be up-sampled and joined: done before, each map by itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from monaiseg.nn._as_made import as_made
from monaiseg.nn._norms import InstanceNorm2d, InstanceNorm3d, instance_norm
from monaiseg.nn._upsampled import Upsampled, places, plain_only

FEWEST = 4096
"""Places from which norms of the maps cost less than joining them."""
Maps = Sequence[torch.Tensor]


def norms_are_apart(x: Upsampled) -> bool:
    """Return whether norms of `x` are done before its maps are joined, and something is gained."""
    # On GPUs it has not been measured, and compilers do it their own way.
    if plain_only(x) or torch.compiler.is_compiling() or x.x.device.type != "cpu" or places(x) < FEWEST:
        return False
    return _copies(x)


def normed_apart(norm: nn.Module, x: Upsampled) -> Upsampled | None:
    """Return `x` after a norm of the joined maps; None where that is to be called.

    A norm with values for each channel does not mix maps, and copies of a place have its mean and its variance.
    """
    if not norms_are_apart(x) or any(getattr(norm, name, None) is None for name in ("weight", "bias")):
        return None
    maps = _maps(x)
    if isinstance(norm, InstanceNorm2d | InstanceNorm3d) and as_made(norm, InstanceNorm2d, InstanceNorm3d):
        parts = zip(maps, _parts(norm.weight, maps), _parts(norm.bias, maps), strict=True)
        return _with(x, [instance_norm(one, weight, bias, norm.eps) for one, weight, bias in parts])
    if isinstance(norm, _BatchNorm) and as_made(norm, _BatchNorm):
        if norm.running_mean is None or norm.running_var is None or norm.momentum is None:
            return None
        if norm.training and not norm.track_running_stats:
            return None
        return _with(x, _batch_normed(norm, norm.running_mean, norm.running_var, norm.momentum, x))
    return None


def relu_apart(x: Upsampled) -> Upsampled:
    """Return the ReLU of `x`, in the memory of its maps."""
    return _with(x, [F.relu_(one) for one in _maps(x)])


def _copies(x: Upsampled) -> bool:
    if places(x.x) < 2:
        return False  # of one place there is no variance
    whole = all(big % small == 0 for big, small in zip(x.size, x.x.shape[2:], strict=True))
    return x.x.shape[2:] == x.size or (whole and x.mode == "nearest")


def _maps(x: Upsampled) -> Maps:
    return [*x.before, x.x, *x.after]


def _with(x: Upsampled, maps: Maps) -> Upsampled:
    place = len(x.before)
    return Upsampled(maps[place], x.size, x.mode, maps[:place], maps[place + 1 :])


def _parts(values: torch.Tensor, maps: Maps) -> Maps:
    return torch.split(values, [one.shape[1] for one in maps])


def _batch_normed(
    norm: _BatchNorm, running_mean: torch.Tensor, running_var: torch.Tensor, momentum: float, x: Upsampled
) -> Maps:
    """Return the maps after batch norm, whose statistics are moved in training."""
    maps, training = _maps(x), norm.training
    mean, var = (torch.zeros_like(one) if training else one for one in (running_mean, running_var))
    means, variances, *learned = (_parts(values, maps) for values in (mean, var, norm.weight, norm.bias))
    found = [
        # With 1 for the momentum it leaves the statistics of the map alone.
        F.batch_norm(one, its_mean, its_var, weight, bias, training, 1.0, norm.eps)
        for one, its_mean, its_var, weight, bias in zip(maps, means, variances, *learned, strict=True)
    ]
    if training:
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        running_mean.lerp_(mean, momentum)
        biased = [one / _unbiased(counted) for one, counted in zip(variances, maps, strict=True)]
        running_var.lerp_(torch.cat(biased) * _unbiased(x), momentum)
    return found


def _unbiased(x: torch.Tensor | Upsampled) -> float:
    """Return the variance of a sample of so many places, divided by their own."""
    return places(x) / (places(x) - 1)
