"""Where the channels-last order of memory is not safe."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm


def narrow_strided(network: nn.Module) -> list[str]:
    """Return the names of the strided 1x1 convolutions of less than 16 channels.

    In their backward pass in channels-last order, on CPUs with AVX-512, oneDNN writes past its memory, which ends the
    process or spoils what lies beside it (uxlfoundation/oneDNN#6035, seen with torch 2.13; under 8 channels with AVX2).
    `conv(x[..., ::2, ::2])` with a convolution of stride 1 is the same without that.
    """
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, _ConvNd)
        and set(module.kernel_size) == {1}
        and max(module.stride) > 1
        and module.in_channels // module.groups < 16
    ]


def uneven_dilated(network: nn.Module) -> list[str]:
    """Return the names of the dilated convolutions that are grouped or whose channels 16 does not divide.

    In bfloat16 in channels-last order, on CPUs with AVX-512 and no AMX, oneDNN's gradients of their weights are NaN, or
    finite and wrong, and some end the process (seen in 2D with torch 2.13 and `jit_bf16:avx512_core_bf16`).
    """
    found = []
    for name, module in network.named_modules():
        if isinstance(module, _ConvNd) and max(module.dilation) > 1:
            channels = module.out_channels if module.transposed else module.in_channels
            if module.groups > 1 or channels % 16:
                found.append(name)
    return found


def channels_last_fault(network: nn.Module, amp: torch.dtype | None = None) -> str | None:
    """Return in words what in a network is computed wrong in channels-last order on CPUs; None: nothing.

    Beside `narrow_strided`, and `uneven_dilated` where `amp` is bfloat16, that is torch's instance norm: for a batch of
    one image whose gradient comes in that order, its backward pass gives gradients of something else (seen with torch
    2.13). That of `norm_layer` does not.
    """
    narrow = narrow_strided(network)
    if narrow:
        return f"a strided 1x1 convolution as narrow as {narrow[0]} is unsafe with it"
    dilated = uneven_dilated(network) if amp is torch.bfloat16 else []
    if dilated:
        kind = "a dilated convolution of groups, or of channels that 16 does not divide"
        return f"{kind}, as {dilated[0]}, has wrong gradients in bfloat16 with it"
    for name, module in network.named_modules():
        if isinstance(module, _InstanceNorm) and type(module).forward is _InstanceNorm.forward:
            return f"torch's instance norm, as {name}, has wrong gradients with it"
    return None
