"""Operations on intensities that are no matrix: gamma, CLAHE, noise, holes, a lower resolution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch.nn.functional import interpolate

from monaiseg.data.augment.intensity import LUMA, Levels
from monaiseg.data.augment.operation import PIXEL, Operation, Span, draw_between, number, span, whole
from monaiseg.data.augment.sampling import to_device, together

TILE = 32
"""The least pixels a side of a tile of CLAHE."""


def between_0_and_1(
    image: torch.Tensor, levels: Levels, change: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Return `change` of `[n, C, *S]`, which it is given between 0 and 1: a volume by its own range."""
    if levels.all_bounded:
        return change(image)
    axes = tuple(range(1, image.ndim))
    low = image.amin(axes, keepdim=True)
    width = image.amax(axes, keepdim=True) - low
    scaled = (image - low) / torch.where(width > 0, width, torch.ones_like(width))
    return change(scaled.clamp_(0, 1)).mul_(width).add_(low)


@dataclass(frozen=True)
class Gamma(Operation):
    """Raises intensities between 0 and 1 to a power; volumes are mapped there by their own range and back."""

    name: ClassVar[str] = "gamma"
    kind: ClassVar[str] = PIXEL

    gamma: Annotated[Span, span(0.01, 100)] = (0.7, 1.5)

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> float:
        """Return the power, as likely below 1 as above where both are allowed."""
        low, high = self.gamma
        if low < 1 < high:
            low, high = (low, 1.0) if rng.random() < 0.5 else (1.0, high)
        return draw_between(rng, (low, high))

    def apply(self, image: torch.Tensor, drawn: Sequence[float], levels: Levels) -> torch.Tensor:
        """Return `[n, C, *S]` to the power of each case."""
        powers = to_device(np.array(drawn), image).reshape(-1, *[1] * (image.ndim - 1))
        # Not pow: it is four times slower, and rounds differently at the end of a tensor, where batches differ.
        return between_0_and_1(image, levels, lambda values: values.clamp(0, 1).log_().mul_(powers).exp_())


@dataclass(frozen=True)
class LocalContrast(Operation):
    """Equalises the histogram of luma in `grid` x `grid` tiles with limited contrast (CLAHE); colours stay.

    Small pictures have fewer tiles, and those under 16 pixels are left: a histogram needs pixels.
    """

    name: ClassVar[str] = "clahe"
    kind: ClassVar[str] = PIXEL
    spatial_dims: ClassVar[tuple[int, ...]] = (2,)

    clip: Annotated[Span, span(0.01)] = (1.0, 2.0)
    grid: Annotated[int, whole(2)] = 8

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> float:
        """Return the limit of contrast."""
        return draw_between(rng, self.clip)

    def apply(self, image: torch.Tensor, drawn: Sequence[float], levels: Levels) -> torch.Tensor:
        """Return `[n, C, H, W]`, equalised; pictures of other than three channels, each channel on its own."""
        return between_0_and_1(
            image, levels, lambda values: together([self._one(values[i : i + 1], c) for i, c in enumerate(drawn)])
        )

    def _one(self, image: torch.Tensor, clip: float) -> torch.Tensor:
        from kornia.enhance import equalize_clahe

        side = min(image.shape[2:])
        grid = (max(1, min(self.grid, side // TILE)),) * 2
        if side < TILE // 2:
            return image
        if image.shape[1] != 3:
            return equalize_clahe(image, clip, grid)
        red, green, blue = (image[:, i : i + 1] * float(LUMA[i]) for i in range(3))
        luma = red.add_(green).add_(blue).clamp_(0, 1)
        return (image + (equalize_clahe(luma, clip, grid) - luma)).clamp_(0, 1)


@dataclass(frozen=True)
class GaussianNoise(Operation):
    """Adds noise of `sigma` standard deviations of the case to each channel."""

    name: ClassVar[str] = "gaussian_noise"
    kind: ClassVar[str] = PIXEL

    sigma: Annotated[Span, span(0)] = (0.0, 0.15)

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> tuple[float, int]:
        """Return the strength, and the seed of the noise, which is drawn where the image is."""
        return draw_between(rng, self.sigma), int(rng.integers(2**62))

    def apply(self, image: torch.Tensor, drawn: Sequence[tuple[float, int]], levels: Levels) -> torch.Tensor:
        """Return `[n, C, *S]` with noise added."""
        noise = torch.empty(image.shape, dtype=image.dtype, device=image.device)
        for place, (_, seed) in enumerate(drawn):
            noise[place].normal_(generator=torch.Generator(image.device).manual_seed(seed))
        scale = to_device(np.array([sigma for sigma, _ in drawn])[:, None] * levels.std, image)
        noisy = noise.mul_(scale.reshape(*scale.shape, *[1] * (image.ndim - 2))).add_(image)
        return noisy.clamp_(0, 1) if levels.all_bounded else noisy


@dataclass(frozen=True)
class CoarseDropout(Operation):
    """Fills up to `holes` squares, `width` of the shortest side wide, with `fill` times the case's mean."""

    name: ClassVar[str] = "coarse_dropout"
    kind: ClassVar[str] = PIXEL

    holes: Annotated[int, whole(1)] = 8
    width: Annotated[float, number(0, 1)] = 0.11
    fill: Annotated[float, number(0, 1)] = 0.0

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> list[tuple[slice, ...]]:
        """Return the holes."""
        side = math.ceil(self.width * min(size))
        count = int(rng.integers(1, self.holes + 1))
        corners = [[int(rng.integers(max(1, length - side + 1))) for length in size] for _ in range(count)]
        return [tuple(slice(first, first + side) for first in corner) for corner in corners]

    def apply(self, image: torch.Tensor, drawn: Sequence[Any], levels: Levels) -> torch.Tensor:
        """Return `[n, C, *S]`, changed in place."""
        fills = to_device(levels.mean * self.fill, image)
        for place, holes in enumerate(drawn):
            fill = fills[place].reshape(-1, *[1] * (image.ndim - 2))
            for hole in holes:
                image[(place, slice(None), *hole)] = fill
        return image


@dataclass(frozen=True)
class LowResolution(Operation):
    """Takes every so many-th pixel, `zoom` of them along each axis, and enlarges what is left linearly."""

    name: ClassVar[str] = "low_resolution"
    kind: ClassVar[str] = PIXEL

    zoom: Annotated[Span, span(0.05, 1)] = (0.5, 1.0)

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> tuple[int, ...]:
        """Return the size in between."""
        zoom = draw_between(rng, self.zoom)
        return tuple(max(1, round(zoom * length)) for length in size)

    def apply(self, image: torch.Tensor, drawn: Sequence[tuple[int, ...]], levels: Levels) -> torch.Tensor:
        """Return `[n, C, *S]` with detail lost."""
        mode = "bilinear" if image.ndim == 4 else "trilinear"
        cases = (image[i : i + 1] for i in range(len(drawn)))
        small = (interpolate(case, size=size, mode="nearest-exact") for case, size in zip(cases, drawn, strict=True))
        return together([interpolate(case, size=image.shape[2:], mode=mode, align_corners=False) for case in small])
