"""Where the channels-last order of memory is not safe."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.conv import _ConvNd


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
