"""Convolutions of up-sampled and joined maps, done where they cost least.

A 3x3 convolution mixes channels and shifts places; an up-sampling treats every channel alike. So the mixing can be done
before the up-sampling, at a fraction of the places, and the shifts go into the up-sampling's weights. Of joined maps a
convolution is the sum of those of each, for which they need not be copied into one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

from monaiseg.nn._upsampled import Upsampled, places, plain_only

MATMUL, MATMUL_HALF = 2.5, 12.0
"""What a multiplication in a matrix product of ours costs, of one in a convolution; measured in float32, and in types
of half its length, on CPUs."""
FEWEST, FEWEST_HALF = 512, 2048
"""Places of a map, in all images of a batch, from which a transposed convolution saves more than its kernel costs."""
FEWEST_SUMMED = 4096
"""Places from which it is cheaper to convolve joined maps each by itself than to join them."""
Way = Callable[[torch.Tensor, torch.Tensor, tuple[int, ...]], torch.Tensor]
"""(x, weight, size) to the convolution of `x` brought to `size`."""


def convolve(
    conv: _ConvNd, x: torch.Tensor | Upsampled, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """Return the convolution of `x` with `weight` and `bias`, and all else as `conv` has it."""
    if isinstance(x, torch.Tensor):
        return conv._conv_forward(x, weight, bias)
    others = [*x.before, *x.after]
    way, summed = _cheaper_way(conv, x), len(others) > 0 and _summing_pays(conv, x)
    if way is None and not summed:
        return conv._conv_forward(x.whole(), weight, bias)
    channels = [one.shape[1] for one in (*x.before, x.x, *x.after)]
    kernels = list(torch.split_with_sizes(weight, channels, dim=1))
    kernel = kernels.pop(len(x.before))
    y = way(x.x, kernel, x.size) if way else conv._conv_forward(x.resized(), kernel, None)
    if not others:
        return y if bias is None else y + bias.to(y.dtype).reshape(-1, *[1] * len(x.size))
    if len(others) > 1 and not summed:
        others, kernels = [torch.cat(others, dim=1)], [torch.cat(kernels, dim=1)]
    for one, kernel in zip(others, kernels, strict=True):
        y = conv._conv_forward(one, kernel, bias).add_(y)
        bias = None
    return y


def _summing_pays(conv: _ConvNd, x: Upsampled) -> bool:
    # On GPUs it has not been measured; on small maps more is spent on the kernel's parts than saved on joining. Strided
    # and dilated convolutions of few channels are not safe (`channels_last_fault`), and parts have fewer.
    plain = conv.groups == 1 and {*conv.stride, *conv.dilation} == {1}
    return not plain_only(x) and plain and x.x.device.type == "cpu" and places(x) >= FEWEST_SUMMED


def _cheaper_way(conv: _ConvNd, x: Upsampled) -> Way | None:
    if plain_only(x):
        return None
    dims = len(x.size)
    if (conv.stride, conv.dilation, conv.groups) != ((1,) * dims, (1,) * dims, 1) or x.x.shape[2:] == x.size:
        return None
    if (conv.kernel_size, conv.padding) == ((1,) * dims, (0,) * dims):
        return partial(_resized_after, conv, x)
    if (conv.kernel_size, conv.padding, conv.padding_mode) != ((3,) * dims, (1,) * dims, "zeros"):
        return None
    if x.mode != "nearest":
        return partial(_mixed_first, aligned=x.mode == "linear_aligned") if _mixing_first_pays(x) else None
    factors = {big / small for big, small in zip(x.size, x.x.shape[2:], strict=True)}
    last = torch.channels_last if dims == 2 else torch.channels_last_3d
    # In the other order of memory, and on GPUs, a transposed convolution is not known to be faster.
    many = places(x.x) >= (FEWEST_HALF if x.x.itemsize == 2 else FEWEST)
    pays = many and x.x.device.type == "cpu" and x.x.is_contiguous(memory_format=last) and factors <= {1.0, 2.0}
    return _transposed if pays else None


def _resized_after(
    conv: _ConvNd, source: Upsampled, x: torch.Tensor, weight: torch.Tensor, size: tuple[int, ...]
) -> torch.Tensor:
    """Convolve with a kernel of one place, and up-sample what that gives."""
    return Upsampled(conv._conv_forward(x, weight, None), size, source.mode).resized()


def _mixing_first_pays(x: Upsampled) -> bool:
    """Compare the multiplications of both ways, for each channel of the output."""
    small = tuple(x.x.shape[2:])
    mixing = 3 ** len(small) * x.x.shape[1]
    matmul, spent = MATMUL_HALF if x.x.itemsize == 2 else MATMUL, 0
    for axis in range(len(small)):
        spent += math.prod(3 * side for side in small[: axis + 1]) * math.prod(x.size[axis:])
    pays: bool = mixing * math.prod(small) + matmul * spent < mixing * math.prod(x.size)
    return pays


def _mixed_first(x: torch.Tensor, weight: torch.Tensor, size: tuple[int, ...], aligned: bool = False) -> torch.Tensor:
    """Convolve what a linear up-sampling gives: mix the channels for each shift, then shift and up-sample in one.

    The product is done axis by axis, last axis first, over channels that lie last in memory: `[B, *size, C]`.
    """
    dims, out_channels = len(size), weight.shape[0]
    by_shift = weight.permute(*range(2, 2 + dims), 0, 1).reshape(-1, weight.shape[1], *[1] * dims)
    mixed = (F.conv2d if dims == 2 else F.conv3d)(x, by_shift).movedim(1, -1)
    batch, *small, _ = mixed.shape
    mixed = mixed.reshape(batch, *small, *[3] * dims, out_channels)
    shifts_beside_places = [place for axis in range(dims) for place in (1 + dims + axis, 1 + axis)]
    rows = mixed.permute(0, *shifts_beside_places, -1)
    for axis in reversed(range(dims)):
        outer, inner = rows.shape[: 1 + 2 * axis], rows.shape[3 + 2 * axis :]
        columns = rows.reshape(-1, 3 * small[axis], math.prod(inner))
        rows = torch.matmul(_shifted(small[axis], size[axis], aligned, rows), columns).reshape(*outer, -1)
    return rows.reshape(batch, *size, out_channels).movedim(-1, 1)


def _shifted(small: int, large: int, aligned: bool, like: torch.Tensor) -> torch.Tensor:
    """Return `[large, 3 * small]`: a linear up-sampling, shifted by -1, 0 and 1 places into zeros."""
    units = torch.eye(small, device=like.device, dtype=torch.promote_types(like.dtype, torch.float32))
    weights = F.pad(F.interpolate(units[None], size=large, mode="linear", align_corners=aligned)[0], (1, 1))
    shifted = torch.stack([weights[:, shift : shift + large] for shift in range(3)])
    return shifted.reshape(3 * small, large).t().to(like.dtype)


def _transposed(x: torch.Tensor, weight: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Convolve what up-sampling by copies gives: two of three taps see the same value, so that their weights add up."""
    kernel = weight.transpose(0, 1)
    factors = [big // small for big, small in zip(size, x.shape[2:], strict=True)]
    for axis, factor in enumerate(factors, start=2):
        first, middle, last = kernel.unbind(axis)
        taps = [last, middle + last, first + middle, first] if factor == 2 else [last, middle, first]
        kernel = torch.stack(taps, axis)
    transposed = F.conv_transpose2d if len(size) == 2 else F.conv_transpose3d
    return transposed(x, kernel, stride=factors, padding=1)
