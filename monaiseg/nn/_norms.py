"""The norms of units: torch's, where its own are right and fast."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from monai.networks.layers.utils import get_norm_layer
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Norm = Literal["auto", "batch", "instance", "group"] | None
"""`"auto"`: batch norm in 2D, instance norm with affine parameters in 3D, where batches are small; `"group"`: group
norm over about eight channels each."""


def norm_layer(norm: Norm, spatial_dims: int, channels: int) -> nn.Module:
    """Return the norm, with affine parameters; for None nothing is done."""
    if norm is None:
        return nn.Identity()
    if norm == "auto":
        norm = "batch" if spatial_dims == 2 else "instance"
    if norm not in ("batch", "instance", "group"):
        raise ValueError(f"norm is {norm!r}; it must be auto, batch, instance, group or None")
    if norm == "group":
        return _GroupNorm(math.gcd(channels, max(1, channels // 8)), channels)
    if norm == "instance":
        return (InstanceNorm2d if spatial_dims == 2 else InstanceNorm3d)(channels, affine=True)
    layer: nn.Module = get_norm_layer((norm, {"affine": True}), spatial_dims=spatial_dims, channels=channels)
    return layer


def _safe(input: torch.Tensor) -> torch.Tensor:
    """Return an input of group norm, in torch's own order where the other ends the process: see `_GroupNorm`."""
    if input.requires_grad or not torch.is_grad_enabled():
        return input
    return input.clone(memory_format=torch.contiguous_format)  # contiguous() leaves grey images as they are


class _GroupNorm(nn.GroupNorm):
    """torch's, also for images and frozen features in channels-last order.

    For an input that needs no gradient its backward pass in that order ends the process (seen with torch 2.13, on the
    CPU, where maps are small).
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the normalised input."""
        return super().forward(_safe(input))


def instance_norm(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
    """Return torch's instance norm, on the CPU computed otherwise: there it is slow, and in channels-last order wrong.

    For one image in that order its backward pass gives gradients of something else (seen with torch 2.13). In torch's
    own order the norm is group norm with a channel a group, which is as exact; in the other one that loses digits over
    large maps, and its gradient takes four times as long in types of half the length, so that sums are taken here.
    """
    half = input.itemsize == 2
    if input.is_contiguous() or (half and not torch.is_grad_enabled()):
        return F.group_norm(_safe(input), input.shape[1], weight, bias, eps)
    x = input.float() if half else input
    normalised: torch.Tensor = _ByItsSums.apply(x, weight, bias, eps)  # type: ignore[no-untyped-call]
    return normalised.to(input.dtype)


class _InstanceNorm(nn.modules.instancenorm._InstanceNorm):
    """torch's, on the CPU by `instance_norm`."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the normalised input."""
        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if input.device.type != "cpu" or traced:
            return super().forward(input)
        self._check_input_dim(input)  # type: ignore[no-untyped-call]
        return instance_norm(input, self.weight, self.bias, self.eps)


class InstanceNorm2d(_InstanceNorm, nn.InstanceNorm2d):
    pass


class InstanceNorm3d(_InstanceNorm, nn.InstanceNorm3d):
    pass


class _ByItsSums(torch.autograd.Function):
    """Instance norm of `x: [B, C, *spatial]` by sums over the places, which torch takes well in any order of memory."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
        places, channels = tuple(range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        mean = x.mean(places, keepdim=True)
        scale = torch.rsqrt((x - mean).square_().mean(places, keepdim=True) + eps)
        ctx.save_for_backward(x, weight, mean, scale)
        gain = weight.reshape(channels) * scale
        return torch.addcmul(bias.reshape(channels) - mean * gain, x, gain)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
        x, weight, mean, scale = ctx.saved_tensors
        places, count = tuple(range(2, x.ndim)), x[0, 0].numel()
        of_bias = gradient.sum(places, keepdim=True)
        of_weight = ((gradient * x).sum(places, keepdim=True) - mean * of_bias) * scale
        gain = weight.reshape(-1, *[1] * len(places)) * scale
        along_x = gain * scale * of_weight / count
        of_x = torch.addcmul(mean * along_x - gain * of_bias / count, gradient, gain).addcmul_(x, along_x, value=-1)
        return of_x, of_weight.sum(0).flatten(), of_bias.sum(0).flatten(), None
