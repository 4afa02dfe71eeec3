"""A map that is going to be up-sampled and joined with others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from monai.utils import ensure_tuple_rep
from torch import nn
from torch.nn import functional as F

from monaiseg.nn._as_made import as_made

Mode = Literal["nearest", "linear", "linear_aligned"]


@dataclass(frozen=True, eq=False)
class Upsampled:
    """The map `x` up-sampled to `size`, between the maps it is joined with; not computed yet.

    `Layers`, as `ConvNormAct` and `DoubleConv` are, take it in place of the tensor that `whole` returns, and go the
    cheaper way to the same result.

    Attributes:
        x: `[B, C, *spatial]`.
        size: one number an axis.
        mode: `nearest`, `linear` with corners not aligned, or `linear_aligned`.
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
        if isinstance(up, nn.Upsample) and as_made(up, nn.Upsample) and (mode := _mode(up)):
            factors = ensure_tuple_rep(up.scale_factor, x.ndim - 2)
            if all(factor is not None and float(factor).is_integer() for factor in factors):
                size = tuple(side * int(factor) for side, factor in zip(x.shape[2:], factors, strict=True))
                return cls(x, size, mode, before, after)
        x = up(x)
        return cls(x, tuple(x.shape[2:]), "nearest", before, after)

    def whole(self) -> torch.Tensor:
        """Return all maps as one tensor, joined along the channels."""
        maps = [*self.before, self.resized(), *self.after]
        return maps[0] if len(maps) == 1 else torch.cat(maps, dim=1)

    def resized(self) -> torch.Tensor:
        """Return the up-sampled map alone."""
        if self.x.shape[2:] == self.size:
            return self.x
        if self.mode == "nearest":
            return _with_dense_gradient(F.interpolate(self.x, size=self.size, mode="nearest"))
        mode = "bilinear" if self.x.ndim == 4 else "trilinear"
        aligned = self.mode == "linear_aligned"
        return _with_dense_gradient(F.interpolate(self.x, size=self.size, mode=mode, align_corners=aligned))


def _with_dense_gradient(x: torch.Tensor) -> torch.Tensor:
    """Return `x`, whose gradient is to be without gaps in memory, as that of a part of joined maps is not.

    With gaps, the gradient of an up-sampling in channels-last order takes ten times as long on the CPU (torch 2.13).
    """
    if x.requires_grad and x.device.type == "cpu" and not torch.compiler.is_compiling():
        last = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
        if x.is_contiguous(memory_format=last):
            x.register_hook(lambda gradient: gradient.contiguous(memory_format=last))  # type: ignore[no-untyped-call]
    return x


def _mode(up: nn.Upsample) -> Mode | None:
    linear: Mode = "linear_aligned" if up.align_corners else "linear"
    modes: dict[str, Mode] = {"nearest": "nearest", "bilinear": linear, "trilinear": linear}
    return modes.get(up.mode)


def whole(x: torch.Tensor | Upsampled) -> torch.Tensor:
    """Return the map as a tensor."""
    return x.whole() if isinstance(x, Upsampled) else x


def plain_only(x: Upsampled) -> bool:
    """Return whether it is to be computed as it is written, whatever that costs."""
    if torch.compiler.is_exporting() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return True  # sizes may be symbols there, which a comparison would pin
    return x.x.is_meta  # costs are counted there, and published ones are of the plain way


def places(x: torch.Tensor | Upsampled) -> int:
    """Return how many places the maps have, in all images of the batch."""
    batch, size = (len(x), x.shape[2:]) if isinstance(x, torch.Tensor) else (len(x.x), x.size)
    return batch * math.prod(size)
