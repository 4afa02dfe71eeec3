"""Operations that blur. Linear ones are sums of shifted images: that is exact in any batch and needs no convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from skimage.draw import line
from torch.nn.functional import pad

from monaiseg.data.augment.intensity import Levels
from monaiseg.data.augment.operation import PIXEL, Operation, Span, draw_between, odd_widths, span
from monaiseg.data.augment.sampling import to_device, together

Taps = npt.NDArray[Any]
"""The weights of one case's filter along an axis, an odd number that sums to 1."""


def smooth(image: torch.Tensor, taps: Sequence[Taps]) -> torch.Tensor:
    """Return `[n, C, *S]` with each case filtered by its own taps along all spatial axes, mirrored at the edges."""
    radius = max(len(weights) for weights in taps) // 2
    widened = np.stack([np.pad(weights, radius - len(weights) // 2) for weights in taps])
    weights = to_device(widened, image)
    for axis in range(2, image.ndim):
        image = _along(image, weights, radius, axis)
    return image


def _along(image: torch.Tensor, weights: torch.Tensor, radius: int, axis: int) -> torch.Tensor:
    size = image.shape[axis]
    reach = min(radius, size - 1)
    margins = [0] * (2 * (image.ndim - 2))
    margins[2 * (image.ndim - 1 - axis)] = margins[2 * (image.ndim - 1 - axis) + 1] = reach
    padded = pad(image, margins, mode="reflect")
    shape = (-1, *[1] * (image.ndim - 1))
    if reach < radius:  # of so short an axis, what can be mirrored
        weights = weights[:, radius - reach : radius + reach + 1]
        weights = weights / weights.sum(1, keepdim=True)
    result = padded.narrow(axis, 0, size) * weights[:, 0].reshape(shape)
    for tap in range(1, 2 * reach + 1):
        result.addcmul_(padded.narrow(axis, tap, size), weights[:, tap].reshape(shape))
    return result


@dataclass(frozen=True)
class _Smoothing(Operation):
    """Smooths along each axis by the weights that are drawn."""

    kind: ClassVar[str] = PIXEL

    def apply(self, image: torch.Tensor, drawn: Sequence[Taps], levels: Levels) -> torch.Tensor:
        """Return `[n, C, *S]`, blurred."""
        return smooth(image, drawn)


@dataclass(frozen=True)
class BoxBlur(_Smoothing):
    """Replaces a pixel by the mean of the square around it, of one of the `widths`."""

    name: ClassVar[str] = "blur"

    widths: Annotated[tuple[int, ...], odd_widths(31)] = (3, 5, 7)

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> Taps:
        """Return the weights along an axis."""
        width = int(rng.choice(self.widths))
        return np.full(width, 1 / width)


@dataclass(frozen=True)
class GaussianBlur(_Smoothing):
    """Smooths by a Gaussian of `sigma` pixels, cut off at three."""

    name: ClassVar[str] = "gaussian_blur"

    sigma: Annotated[Span, span(0, 10)] = (0.5, 1.5)

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> Taps:
        """Return the weights along an axis."""
        sigma = draw_between(rng, self.sigma)
        radius = math.ceil(3 * sigma)
        weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma, 1e-6)) ** 2)
        return np.asarray(weights / weights.sum())


@dataclass(frozen=True)
class MotionBlur(Operation):
    """Replaces a pixel by the mean along a line of any direction across a square of one of the `widths` around it."""

    name: ClassVar[str] = "motion_blur"
    kind: ClassVar[str] = PIXEL
    spatial_dims: ClassVar[tuple[int, ...]] = (2,)

    widths: Annotated[tuple[int, ...], odd_widths(31)] = (3, 5, 7)

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> list[tuple[int, int]]:
        """Return the offsets of the pixels on the line."""
        radius = min(int(rng.choice(self.widths)) // 2, min(size) - 1)
        angle = rng.uniform(0, math.pi)
        reach = radius / max(abs(math.sin(angle)), abs(math.cos(angle)))
        row, column = round(reach * math.sin(angle)), round(reach * math.cos(angle))
        return [(int(y), int(x)) for y, x in zip(*line(-row, -column, row, column), strict=True)]

    def apply(self, image: torch.Tensor, drawn: Sequence[list[tuple[int, int]]], levels: Levels) -> torch.Tensor:
        """Return `[n, C, H, W]`, blurred."""
        return together([_mean_along(image[i : i + 1], offsets) for i, offsets in enumerate(drawn)])


def _mean_along(image: torch.Tensor, offsets: list[tuple[int, int]]) -> torch.Tensor:
    reach = max(max(abs(y), abs(x)) for y, x in offsets)
    height, width = image.shape[2:]
    padded = pad(image, [reach] * 4, mode="reflect")
    result = torch.zeros_like(image)
    for y, x in offsets:
        result += padded[..., reach + y : reach + y + height, reach + x : reach + x + width]
    return result.mul_(1 / len(offsets))


@dataclass(frozen=True)
class MedianBlur(Operation):
    """Replaces a pixel by the median of the square, or cube, around it, of one of the `widths`."""

    name: ClassVar[str] = "median_blur"
    kind: ClassVar[str] = PIXEL

    widths: Annotated[tuple[int, ...], odd_widths(7)] = (3, 5)

    def draw(self, rng: np.random.Generator, size: Sequence[int]) -> int:
        """Return the width."""
        return min(int(rng.choice(self.widths)), 2 * min(size) - 1)

    def apply(self, image: torch.Tensor, drawn: Sequence[int], levels: Levels) -> torch.Tensor:
        """Return `[n, C, *S]`, blurred; cases of one width are done together."""
        result = torch.empty_like(image)
        for width in sorted(set(drawn)):
            cases = [place for place, side in enumerate(drawn) if side == width]
            padded = pad(image[cases], [width // 2] * (2 * (image.ndim - 2)), mode="reflect")
            result[cases] = _median(padded, width)
        return result


def _median(padded: torch.Tensor, width: int) -> torch.Tensor:
    """Return the medians of `[n, C, *S]` where the whole width is inside it: `width - 1` less along each axis."""
    if padded.ndim == 4:
        from kornia.filters import median_blur

        reach = width // 2  # what kornia pads itself differs between its versions, and is cut off
        return median_blur(padded, width)[..., reach : padded.shape[2] - reach, reach : padded.shape[3] - reach]
    planes = (padded[:, :, first : first + width] for first in range(padded.shape[2] - width + 1))
    cubes = (plane.unfold(3, width, 1).unfold(4, width, 1).movedim(2, -1).flatten(4) for plane in planes)
    return torch.stack([cube.median(-1).values for cube in cubes], 2)
