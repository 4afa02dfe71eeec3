"""Resamples an image and its label by the warp of their case: one grid, and one `grid_sample` each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import grid_sample

from monaiseg.data.augment.movement import AffineMap, CaseWarp, Lines, Waves


def to_device(array: npt.NDArray[Any], like: torch.Tensor) -> torch.Tensor:
    """Return an array of numbers with the type and on the device of a tensor, without waiting for the device."""
    tensor = torch.from_numpy(array).to(like.dtype)
    return tensor.pin_memory().to(like.device, non_blocking=True) if like.is_cuda else tensor


def together(cases: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return cases `[1, C, *S]` as one batch."""
    return cases[0] if len(cases) == 1 else torch.cat(list(cases))


def resampled(
    image: torch.Tensor, label: torch.Tensor | None, warp: CaseWarp
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return image `[1, C, *size]` linearly and label `[1, K, *size]` by nearest neighbour, mirrored past their edges.

    The size is that of the warp, whose places are told from the centre of the source `[1, C, *S]`, of any type.
    """
    image = image if image.is_floating_point() else image.float()
    grid = warp_grid(warp, image)
    options: dict[str, Any] = {"padding_mode": "reflection", "align_corners": False}
    moved = grid_sample(image, grid, mode="bilinear", **options)
    if label is None:
        return moved, None
    return moved, grid_sample(label.to(grid.dtype), grid, mode="nearest", **options).to(label.dtype)


def warp_grid(warp: CaseWarp, source: torch.Tensor) -> torch.Tensor:
    """Return the grid `[1, *size, D]` by which `grid_sample` (`align_corners=False`) takes the result from `source`."""
    places = _Places(warp.size, source)
    for step in warp.steps:
        places.take(step)
    to_its_units = np.diag(2 / np.array(source.shape[2:]))
    places.take(AffineMap.of(to_its_units, np.zeros(len(warp.size))))
    return places.on_grid()[None]


class _Places:
    """The places of a result on their way to the source.

    As long as it can be, a coordinate is a sum of functions of one axis each (`terms`: of each axis what it adds to
    each coordinate `[D, size]`) and of random fields; only then it is an array `grid` `[*size, D]`, last axis first.
    """

    def __init__(self, size: Sequence[int], like: torch.Tensor) -> None:
        self.size, self.like = size, like
        self.terms = [np.zeros((len(size), length)) for length in size]
        for axis, length in enumerate(size):
            self.terms[axis][axis] = np.arange(length) - (length - 1) / 2
        self.waves: list[Waves] = []
        self.own = True  # whether a coordinate depends on the place along its own axis alone
        self.grid: torch.Tensor | None = None

    def take(self, step: AffineMap | Lines | Waves) -> None:
        """Go through a step."""
        if isinstance(step, AffineMap):
            self._affine(step)
        elif isinstance(step, Lines):
            self._lines(step)
        elif self.grid is None:
            self.waves.append(step)
        else:
            self._add(self.grid, step)

    def on_grid(self) -> torch.Tensor:
        """Return the coordinates as an array."""
        if self.grid is not None:
            return self.grid
        dims = len(self.size)
        grid = self.like.new_empty((*self.size, dims))
        parts = torch.split(to_device(np.concatenate(self.terms, axis=1), self.like), list(self.size), dim=1)
        for axis in range(dims):
            one, *others = (part[axis].reshape(_along(other, dims)) for other, part in enumerate(parts))
            first = one if dims == 2 else one + others[0]
            torch.add(first, others[-1], out=grid[..., dims - 1 - axis])
        for waves in self.waves:
            self._add(grid, waves)
        return grid

    def _affine(self, step: AffineMap) -> None:
        linear, shift = step.matrix[:, :-1], step.matrix[:, -1]
        if self.grid is not None:
            rows = to_device(linear[::-1, ::-1].copy(), self.grid)
            self.grid = self.grid @ rows.T + to_device(shift[::-1].copy(), self.grid)
            return
        self.terms = [linear @ term for term in self.terms]
        for axis, amount in enumerate(shift):
            self.terms[axis][axis] += amount
        self.waves = [waves.through(step) for waves in self.waves]
        self.own = self.own and step.is_diagonal

    def _lines(self, step: Lines) -> None:
        lines = list(zip(step.knots, step.shifts, strict=True))
        if self.grid is None and self.own and not self.waves:
            for axis, line in enumerate(lines):
                self.terms[axis][axis] += np.interp(self.terms[axis][axis], *line)
            return
        self.grid = self.on_grid()
        for axis, line in enumerate(lines):
            places = self.grid[..., len(lines) - 1 - axis]
            places.add_(_interpolated(places, *(to_device(part, places) for part in line)))

    def _add(self, grid: torch.Tensor, waves: Waves) -> None:
        field = to_device(waves.noise, grid)
        for bells in waves.bells:  # each turn replaces the first grid axis and puts the new one last
            field = field.movedim(1, -1) @ to_device(bells, grid).T
        for axis, amount in enumerate(field):
            grid[..., len(self.size) - 1 - axis].add_(amount)


def _interpolated(places: torch.Tensor, knots: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return what lies between `values` at evenly spaced knots, the nearest end's beyond them, as `np.interp` does."""
    cells = len(knots) - 1
    along = ((places - knots[0]) * (cells / (knots[-1] - knots[0]))).clamp_(0, cells)
    cell = along.floor().clamp_(max=cells - 1)
    index = cell.long()
    return torch.lerp(values[index], values[index + 1], along - cell)


def _along(axis: int, dims: int) -> list[int]:
    return [-1 if other == axis else 1 for other in range(dims)]
