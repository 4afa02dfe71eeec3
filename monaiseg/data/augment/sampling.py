"""Resamples images and labels by the warps of their cases: one grid and one `grid_sample` each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import grid_sample

from monaiseg.data.augment.warps import Warp, Waves


def to_device(array: npt.NDArray[Any], device: torch.device) -> torch.Tensor:
    """Return an array on a device, float64 as float32, without waiting for what the device is doing."""
    tensor = torch.from_numpy(array.astype(np.float32) if array.dtype == np.float64 else array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def together(cases: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return cases `[1, C, *S]` as one batch."""
    return cases[0] if len(cases) == 1 else torch.cat(list(cases))


def warp_grid(warps: Sequence[Warp], size: Sequence[int], device: torch.device) -> torch.Tensor:
    """Return the grid `[B, *size, D]` that `grid_sample` takes (`align_corners=False`)."""
    dims = len(size)
    grid = torch.empty((len(warps), *size, dims), device=device)
    parts = torch.split(to_device(np.stack([_parts(warp, size) for warp in warps]), device), list(size), dim=-1)
    for axis in range(dims):
        terms = [part[:, axis].reshape(len(warps), *_along(other, dims)) for other, part in enumerate(parts)]
        first = terms[0] if dims == 2 else terms[0] + terms[1]
        torch.add(first, terms[-1], out=grid[..., dims - 1 - axis])
    for place, warp in enumerate(warps):
        for waves in warp.waves:
            _add_waves(grid[place], waves, size)
    return grid


def resample(
    image: torch.Tensor, label: torch.Tensor | None, warps: Sequence[Warp]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return image `[B, C, *S]` linearly and label `[B, K, *S]` by nearest neighbour, mirrored past their edges."""
    grid = warp_grid(warps, image.shape[2:], image.device)
    options: dict[str, Any] = {"padding_mode": "reflection", "align_corners": False}
    moved = grid_sample(image, grid.to(image.dtype), mode="bilinear", **options)
    if label is None:
        return moved, None
    return moved, grid_sample(label.to(grid.dtype), grid, mode="nearest", **options).to(label.dtype)


def _parts(warp: Warp, size: Sequence[int]) -> npt.NDArray[Any]:
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
    field = to_device(waves.noise, grid.device)
    for bells in waves.bells:  # each turn replaces the first grid axis and puts the new one last
        field = field.movedim(1, -1) @ to_device(bells, grid.device).T
    for axis, length in enumerate(size):
        grid[..., len(size) - 1 - axis].add_(field[axis], alpha=2 / length)
