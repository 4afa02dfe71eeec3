"""Convolutions of up-sampled maps, done where they cost least.

A 3x3 convolution mixes channels and shifts places; an up-sampling treats every channel alike. So the mixing can be done
before the up-sampling, at a fraction of the places, and the shifts go into the up-sampling's weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from monai.utils import ensure_tuple_rep
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

from monaiseg.nn._as_made import as_made

MATMUL = 2.5
"""What a multiplication in a matrix product of ours costs, of one in a convolution; measured in float32 on CPUs."""


Mode = Literal["nearest", "linear"]
_MODES: dict[str, Mode] = {"nearest": "nearest", "bilinear": "linear", "trilinear": "linear"}


@dataclass(frozen=True, eq=False)
class Upsampled:
    """The map `x` up-sampled to `size`, between the maps it is joined with; not computed yet.

    `Layers`, as `ConvNormAct` and `DoubleConv` are, take it in place of the tensor that `whole` returns, and go the
    cheaper way to the same result.

    Attributes:
        x: `[B, C, *spatial]`.
        size: one number an axis.
        mode: `nearest`, or `linear` with corners not aligned.
        before, after: maps `[B, C', *size]`.
    """

    x: torch.Tensor
    size: tuple[int, ...]
    mode: Mode
    before: Sequence[torch.Tensor] = ()
    after: Sequence[torch.Tensor] = ()

    @classmethod
    def by(
        cls, up: nn.Module, x: torch.Tensor, before: Sequence[torch.Tensor] = (), after: Sequence[torch.Tensor] = ()
    ) -> Upsampled:
        """Return `x` as `up` is going to up-sample it, or where that is not for this class to do has done."""
        if isinstance(up, nn.Upsample) and as_made(up, nn.Upsample) and up.mode in _MODES and not up.align_corners:
            factors = ensure_tuple_rep(up.scale_factor, x.ndim - 2)
            if all(factor is not None and float(factor).is_integer() for factor in factors):
                size = tuple(side * int(factor) for side, factor in zip(x.shape[2:], factors, strict=True))
                return cls(x, size, _MODES[up.mode], before, after)
        x = up(x)
        return cls(x, tuple(x.shape[2:]), "nearest", before, after)

    def whole(self) -> torch.Tensor:
        """Return all maps as one tensor, joined along the channels."""
        maps = [*self.before, self._resized(), *self.after]
        return maps[0] if len(maps) == 1 else torch.cat(maps, dim=1)

    def _resized(self) -> torch.Tensor:
        if self.x.shape[2:] == self.size:
            return self.x
        if self.mode == "nearest":
            return F.interpolate(self.x, size=self.size, mode="nearest")
        mode = "bilinear" if self.x.ndim == 4 else "trilinear"
        return F.interpolate(self.x, size=self.size, mode=mode, align_corners=False)


def whole(x: torch.Tensor | Upsampled) -> torch.Tensor:
    """Return the map as a tensor."""
    return x.whole() if isinstance(x, Upsampled) else x


def places(x: torch.Tensor | Upsampled) -> int:
    """Return how many places the maps have, in all images of the batch."""
    batch, size = (len(x), x.shape[2:]) if isinstance(x, torch.Tensor) else (len(x.x), x.size)
    return batch * math.prod(size)


Way = Callable[[torch.Tensor, torch.Tensor, tuple[int, ...]], torch.Tensor]
"""(x, weight, size) to the convolution of `x` brought to `size`."""


def convolve(
    conv: _ConvNd, x: torch.Tensor | Upsampled, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """Return the convolution of `x` with `weight` and `bias`, and all else as `conv` has it."""
    if isinstance(x, torch.Tensor):
        return conv._conv_forward(x, weight, bias)
    way = _cheaper_way(conv, x)
    if way is None:
        return conv._conv_forward(x.whole(), weight, bias)
    start = sum(one.shape[1] for one in x.before)
    stop = start + x.x.shape[1]
    raised = way(x.x, weight[:, start:stop], x.size)
    others = [*x.before, *x.after]
    if others:
        rest = torch.cat([weight[:, :start], weight[:, stop:]], dim=1)
        joined = others[0] if len(others) == 1 else torch.cat(others, dim=1)
        return conv._conv_forward(joined, rest, bias).add_(raised)
    return raised if bias is None else raised + bias.reshape(-1, *[1] * len(x.size))


def _cheaper_way(conv: _ConvNd, x: Upsampled) -> Way | None:
    if torch.compiler.is_exporting() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return None  # where sizes may be symbols, which a comparison would pin
    dims = len(x.size)
    plain = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups, conv.padding_mode)
    if plain != ((3,) * dims, (1,) * dims, (1,) * dims, (1,) * dims, 1, "zeros") or x.x.shape[2:] == x.size:
        return None
    if x.mode == "linear":
        return _mixed_first if _mixing_first_pays(x) else None
    factors = {big / small for big, small in zip(x.size, x.x.shape[2:], strict=True)}
    last = torch.channels_last if dims == 2 else torch.channels_last_3d
    # In the other order of memory, and on GPUs, a transposed convolution is not known to be faster.
    pays = x.x.device.type == "cpu" and x.x.is_contiguous(memory_format=last) and factors <= {1.0, 2.0}
    return _transposed if pays else None


def _mixing_first_pays(x: Upsampled) -> bool:
    """Compare the multiplications of both ways, for each channel of the output."""
    small = tuple(x.x.shape[2:])
    mixing = 3 ** len(small) * x.x.shape[1]
    spent = 0
    for axis in range(len(small)):
        spent += math.prod(3 * side for side in small[: axis + 1]) * math.prod(x.size[axis:])
    pays: bool = mixing * math.prod(small) + MATMUL * spent < mixing * math.prod(x.size)
    return pays


def _mixed_first(x: torch.Tensor, weight: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
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
        rows = torch.matmul(_shifted(small[axis], size[axis], rows), columns).reshape(*outer, -1)
    return rows.reshape(batch, *size, out_channels).movedim(-1, 1)


def _shifted(small: int, large: int, like: torch.Tensor) -> torch.Tensor:
    """Return `[large, 3 * small]`: a linear up-sampling, shifted by -1, 0 and 1 places into zeros."""
    units = torch.eye(small, device=like.device, dtype=torch.promote_types(like.dtype, torch.float32))
    weights = F.pad(F.interpolate(units[None], size=large, mode="linear")[0], (1, 1))
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
