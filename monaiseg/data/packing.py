"""Tensors of several sizes and types in one block of bytes, so that they move in one go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

ALIGNMENT = 16
"""Bytes; a tensor of any type can start at a multiple of them."""


@dataclass(frozen=True)
class Packed:
    """Tensors one after the other: what the images of a batch are before they are of one size and type.

    Attributes:
        block: `[N]`, the bytes.
        places: of each tensor its first byte, type and shape.
    """

    block: torch.Tensor
    places: tuple[tuple[int, torch.dtype, torch.Size], ...]

    @classmethod
    def of(cls, tensors: Sequence[torch.Tensor]) -> Packed:
        """Return copies of the tensors."""
        places, end = [], 0
        for tensor in tensors:
            places.append((end, tensor.dtype, tensor.shape))
            end += math.ceil(tensor.nbytes / ALIGNMENT) * ALIGNMENT
        packed = cls(torch.empty(end, dtype=torch.uint8), tuple(places))
        for place, tensor in zip(packed.tensors(), tensors, strict=True):
            place.copy_(tensor)
        return packed

    def tensors(self) -> list[torch.Tensor]:
        """Return the tensors, as views of the block."""
        batch = self.batch()
        if batch is not None:
            return list(batch.unbind())
        blocks = {dtype: self.block.view(dtype) for _, dtype, _ in self.places}
        return [
            blocks[dtype].as_strided(shape, _strides(shape), first // dtype.itemsize)
            for first, dtype, shape in self.places
        ]

    def batch(self) -> torch.Tensor | None:
        """Return them as one tensor `[B, ...]` without a copy, None where they are of several types or sizes."""
        _, dtype, shape = self.places[0]
        size = shape.numel() * dtype.itemsize
        alike = all(place == (number * size, dtype, shape) for number, place in enumerate(self.places))
        count = len(self.places) * shape.numel()
        return self.block.view(dtype)[:count].reshape(len(self.places), *shape) if alike else None

    def to(self, device: torch.device | str) -> Packed:
        """Return them on a device, without waiting for it."""
        return replace(self, block=self.block.to(device, non_blocking=True))

    def pin_memory(self) -> Packed:
        """Return them in pinned memory, as loaders ask for it."""
        return replace(self, block=self.block.pin_memory())


def _strides(shape: Sequence[int]) -> list[int]:
    """Return those of a contiguous array."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
