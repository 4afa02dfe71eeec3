"""A batch norm within the convolution before it, in evaluation."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from monaiseg.nn._as_made import as_made
from monaiseg.nn._upsampled import Upsampled, places

Weights = tuple[torch.Tensor, torch.Tensor | None]


def folded(conv: _ConvNd, norm: object, x: torch.Tensor | Upsampled) -> Weights | None:
    """Return the weight and the bias of the convolution that does the batch norm as well; None where nothing is gained.

    They are made anew each time, which costs next to nothing: kept ones could be older than what they are made of.

    Args:
        norm: what follows the convolution.
        x: its input.
    """
    if not isinstance(norm, _BatchNorm) or not as_made(norm, _BatchNorm, nn.SyncBatchNorm):
        return None
    if norm.training or torch.is_grad_enabled():
        return None
    if norm.running_mean is None or norm.running_var is None:
        return None
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return None  # compilers and exporters fold, and sizes may be symbols there, which a comparison would pin
    if places(x) // math.prod(conv.stride) < conv.weight[0].numel():
        return None  # the output is smaller than the weights
    scale = torch.rsqrt(norm.running_var + norm.eps)
    scale = scale if norm.weight is None else scale * norm.weight
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    bias = shift * scale if norm.bias is None else shift * scale + norm.bias
    return conv.weight * scale.reshape(-1, *[1] * (conv.weight.ndim - 1)), bias
