"""The transforms of training and evaluation, in the order that every bundle has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from monai.transforms import Compose, EnsureTyped, RandSpatialCropd, Resized, SpatialPadd

from monaiseg.data.transforms import KEYS, NormaliseCase, augmentation


class Sizes(Protocol):
    """What the transforms need of `monaiseg.engine.Settings`."""

    image_size: tuple[int, ...] | None
    roi_size: tuple[int, ...]

    @property
    def interpolation(self) -> str:
        """The name of linear interpolation."""


def training_steps(read_case: Callable[..., Any], settings: Sizes, augment: str) -> Compose:
    """Return: read, resize, pad and crop at random to `roi_size`, normalise, augment.

    Args:
        read_case: reads a case, as `ReadCase` does.
        settings: gives `image_size` (None: the images' own), `roi_size` and `interpolation`.
        augment: the name of a preset of `augmentation`.
    """
    resize = Resized(
        KEYS,
        settings.image_size or 1,
        mode=[settings.interpolation, "nearest-exact"],
        anti_aliasing=[True, False],
    )
    return Compose(
        [
            read_case,
            *([resize] if settings.image_size else []),
            SpatialPadd(KEYS, settings.roi_size, mode="edge"),
            RandSpatialCropd(KEYS, settings.roi_size, random_size=False),
            NormaliseCase(),
            augmentation(augment, settings.roi_size),
            EnsureTyped(KEYS, track_meta=False),
        ]
    )


def evaluation_steps(
    read_case: Callable[..., Any], settings: Sizes, extra: Sequence[Callable[..., Any]] = ()
) -> Compose:
    """Return: read, what `extra` does with the case at its own size, resize the image, normalise."""
    resize = Resized("image", settings.image_size or 1, mode=settings.interpolation, anti_aliasing=True)
    return Compose([read_case, *extra, *([resize] if settings.image_size else []), NormaliseCase()])
