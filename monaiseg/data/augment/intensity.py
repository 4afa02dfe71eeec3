"""Operations that are one matrix a pixel: brightness, contrast and colour, composed into one multiplication."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from monaiseg.data.augment.operation import AFFINE_INTENSITY, Operation, Span, draw_between, span
from monaiseg.data.augment.sampling import to_device

Array = npt.NDArray[Any]

LUMA = np.array([0.299, 0.587, 0.114])
"""What red, green and blue add to grey (ITU-R BT.601)."""

YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
"""RGB to luma and the plane of colours, in which a hue is an angle."""


@dataclass(frozen=True)
class Levels:
    """What the intensities of a batch's cases mean.

    Attributes:
        mean: of each case's channels, `[B, C]` (an array, or a tensor on the CPU), on the scale of the images.
        std: the standard deviation likewise. It is the unit of brightness, colour shifts and noise.
        bounded: whether each case is an 8-bit picture divided by 255, `[B]`: it then stays between 0 and 1. One value
            stands for all.
    """

    mean: Array
    std: Array
    bounded: Any

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        if not isinstance(self.bounded, np.ndarray):
            object.__setattr__(self, "bounded", np.full(len(self.mean), self.bounded))

    @property
    def all_bounded(self) -> bool:
        """Whether the first case is, and with it all: operations are given cases that are alike in this."""
        return bool(self.bounded[0])

    @classmethod
    def of(cls, image: torch.Tensor, bounded: bool) -> Levels:
        """Return the levels of a batch `[B, C, *spatial]`, each case measured on its own; waits for the device."""
        # Rows first: a sum over everything at once is split between threads, and rounded as they are many.
        mean = image.mean(-1).flatten(2).mean(-1)
        spread = image - mean.reshape(*mean.shape, *[1] * (image.ndim - 2))
        std = spread.square_().mean(-1).flatten(2).mean(-1).sqrt_()
        return cls(mean.cpu().numpy(), std.cpu().numpy(), bounded)

    def of_cases(self, places: slice | Sequence[int]) -> Levels:
        """Return the levels of some cases."""
        return Levels(self.mean[places], self.std[places], self.bounded[places])


@dataclass(frozen=True)
class Linear:
    """A pixel's new channels: `gain @ x + of_mean @ mean + of_std @ std`; the three are `weights` `[3, C, C]`."""

    weights: Array

    @classmethod
    def scaled(cls, channels: int, gain: float | Array = 1.0, mean: float = 0.0, std: float | Array = 0.0) -> Linear:
        """Return the one whose three matrices are diagonal."""
        weights, own = np.zeros((3, channels, channels)), np.arange(channels)
        for kind, part in enumerate((gain, mean, std)):
            weights[kind, own, own] = part
        return cls(weights)

    @classmethod
    def mixed(cls, gain: Array) -> Linear:
        """Return the one that mixes channels by a matrix."""
        return cls(np.stack([gain, np.zeros_like(gain), np.zeros_like(gain)]))

    def then(self, other: Linear) -> Linear:
        """Return both in one, this one first."""
        gain = other.weights[0]
        return Linear(np.stack([gain @ self.weights[0], *(gain @ self.weights[1:] + other.weights[1:])]))

    def coefficients(self, mean: Array, std: Array) -> tuple[Array, Array]:
        """Return of a diagonal one what each channel `[C]` is multiplied by, and what is then added to it."""
        return self.weights[0].diagonal(), self.weights[1] @ mean + self.weights[2] @ std

    @property
    def is_diagonal(self) -> bool:
        """Whether each channel depends on itself alone."""
        return not (self.weights[0] * (1 - np.eye(len(self.weights[0])))).any()


def recolour(image: torch.Tensor, linears: Sequence[Linear], levels: Levels) -> torch.Tensor:
    """Return `[n, C, *S]` with a `Linear` applied to each case, all diagonal or none; those are changed in place."""
    weights = np.stack([linear.weights for linear in linears])
    of_levels = np.stack([levels.mean, levels.std], axis=1)[..., None]
    shape = (len(image), -1, *[1] * (image.ndim - 2))
    offset = to_device((weights[:, 1:] @ of_levels).sum((1, 3)), image).reshape(shape)
    if linears[0].is_diagonal:
        gain = to_device(weights[:, 0].diagonal(axis1=1, axis2=2).copy(), image)
        result = image.mul_(gain.reshape(shape)).add_(offset)
    else:
        mixing = to_device(weights[:, 0], image)
        result = image[:, :1] * mixing[:, :, 0].reshape(shape)
        for channel in range(1, image.shape[1]):
            result.addcmul_(image[:, channel : channel + 1], mixing[:, :, channel].reshape(shape))
        result.add_(offset)
    return result.clamp_(0, 1) if levels.all_bounded else result


@dataclass(frozen=True)
class BrightnessContrast(Operation):
    """Scales intensities about the case's mean and shifts them by a multiple of its standard deviation."""

    name: ClassVar[str] = "brightness_contrast"
    kind: ClassVar[str] = AFFINE_INTENSITY

    brightness: Annotated[Span, span()] = (-0.2, 0.2)
    contrast: Annotated[Span, span(0)] = (0.8, 1.2)

    def draw(self, rng: np.random.Generator, channels: int) -> Linear:
        """Return what becomes of a pixel with this many channels; the same happens to all."""
        shift, factor = draw_between(rng, self.brightness), draw_between(rng, self.contrast)
        return Linear.scaled(channels, factor, 1 - factor, shift)


@dataclass(frozen=True)
class HueSaturationValue(Operation):
    """Turns hues by degrees about the grey axis, scales saturation about luma, and scales the whole by `value`."""

    name: ClassVar[str] = "hsv"
    kind: ClassVar[str] = AFFINE_INTENSITY
    spatial_dims: ClassVar[tuple[int, ...]] = (2,)
    colour: ClassVar[bool] = True

    hue: Annotated[Span, span(-180, 180)] = (-20, 20)
    saturation: Annotated[Span, span(0)] = (0.7, 1.3)
    value: Annotated[Span, span(0)] = (0.85, 1.15)

    def draw(self, rng: np.random.Generator, channels: int) -> Linear:
        """Return what becomes of a pixel."""
        angle, saturation = math.radians(draw_between(rng, self.hue)), draw_between(rng, self.saturation)
        turn = np.eye(3)
        turn[1:, 1:] = saturation * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return Linear.mixed(draw_between(rng, self.value) * (np.linalg.inv(YIQ) @ turn @ YIQ))


@dataclass(frozen=True)
class Grey(Operation):
    """Replaces colours by their luma, in all three channels."""

    name: ClassVar[str] = "grey"
    kind: ClassVar[str] = AFFINE_INTENSITY
    spatial_dims: ClassVar[tuple[int, ...]] = (2,)
    colour: ClassVar[bool] = True

    def draw(self, rng: np.random.Generator, channels: int) -> Linear:
        """Return what becomes of a pixel."""
        return Linear.mixed(np.tile(LUMA, (3, 1)))


@dataclass(frozen=True)
class ChannelShift(Operation):
    """Shifts each channel by its own multiple of the case's standard deviation."""

    name: ClassVar[str] = "rgb_shift"
    kind: ClassVar[str] = AFFINE_INTENSITY
    spatial_dims: ClassVar[tuple[int, ...]] = (2,)
    colour: ClassVar[bool] = True

    shift: Annotated[Span, span()] = (-0.3, 0.3)

    def draw(self, rng: np.random.Generator, channels: int) -> Linear:
        """Return what becomes of a pixel."""
        return Linear.scaled(channels, std=rng.uniform(*self.shift, size=channels))


@dataclass(frozen=True)
class ChannelShuffle(Operation):
    """Puts the channels in another order."""

    name: ClassVar[str] = "channel_shuffle"
    kind: ClassVar[str] = AFFINE_INTENSITY
    spatial_dims: ClassVar[tuple[int, ...]] = (2,)
    colour: ClassVar[bool] = True

    def draw(self, rng: np.random.Generator, channels: int) -> Linear:
        """Return what becomes of a pixel; one of the five orders that differ from R, G, B."""
        while True:
            order = rng.permutation(channels)
            if (order != np.arange(channels)).any():
                return Linear.mixed(np.eye(channels)[order])
