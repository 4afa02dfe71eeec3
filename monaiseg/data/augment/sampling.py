"""Resamples images and labels by the warps of their cases: one grid and one `grid_sample` each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import grid_sample

from monaiseg.data.augment.warps import CaseWarp, Waves


def to_device(array: npt.NDArray[Any], like: torch.Tensor) -> torch.Tensor:
    """Return an array of numbers with the type and on the device of a tensor, without waiting for the device."""
    tensor = torch.from_numpy(array).to(like.dtype)
    return tensor.pin_memory().to(like.device, non_blocking=True) if like.is_cuda else tensor


def together(cases: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return cases `[1, C, *S]` as one batch."""
    return cases[0] if len(cases) == 1 else torch.cat(list(cases))


def warp_grid(warps: Sequence[CaseWarp], image: torch.Tensor) -> torch.Tensor:
    """Return the grid `[B, *size, D]` by which `grid_sample` (`align_corners=False`) moves `image` `[B, C, *size]`."""
    size = list(image.shape[2:])
    dims = len(size)
    grid = image.new_empty((len(warps), *size, dims))
    parts = torch.split(to_device(np.stack([_parts(warp, size) for warp in warps]), image), size, dim=-1)
    for axis in range(dims):
        terms = [part[:, axis].reshape(len(warps), *_along(other, dims)) for other, part in enumerate(parts)]
        first = terms[0] if dims == 2 else terms[0] + terms[1]
        torch.add(first, terms[-1], out=grid[..., dims - 1 - axis])
    for place, warp in enumerate(warps):
        for waves in warp.waves:
            _add_waves(grid[place], waves, size)
    return grid


def resampled(
    image: torch.Tensor, label: torch.Tensor | None, warps: Sequence[CaseWarp]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return image `[B, C, *S]` linearly and label `[B, K, *S]` by nearest neighbour, mirrored past their edges."""
    grid = warp_grid(warps, image)
    options: dict[str, Any] = {"padding_mode": "reflection", "align_corners": False}
    moved = grid_sample(image, grid, mode="bilinear", **options)
    if label is None:
        return moved, None
    return moved, grid_sample(label.to(grid.dtype), grid, mode="nearest", **options).to(label.dtype)


def _parts(warp: CaseWarp, size: Sequence[int]) -> npt.NDArray[Any]:
    """Return what each place along each axis adds to each coordinate `[D, sum of size]`, in `grid_sample`'s units."""
    matrix, dims = warp.matrix, len(size)
    parts = [matrix[:, axis, None] * (np.arange(size[axis]) - (size[axis] - 1) / 2) for axis in range(dims)]
    parts[0] = parts[0] + matrix[:, dims, None]
    for axis in range(dims):
        parts[axis][axis] += warp.lines[axis]
    return np.concatenate(parts, axis=1) * (2 / np.array(size))[:, None]


def _along(axis: int, dims: int) -> list[int]:
    return [-1 if other == axis else 1 for other in range(dims)]


def _add_waves(grid: torch.Tensor, waves: Waves, size: Sequence[int]) -> None:
    field = to_device(waves.noise, grid)
    for bells in waves.bells:  # each turn replaces the first grid axis and puts the new one last
        field = field.movedim(1, -1) @ to_device(bells, grid).T
    for axis, length in enumerate(size):
        grid[..., len(size) - 1 - axis].add_(field[axis], alpha=2 / length)
