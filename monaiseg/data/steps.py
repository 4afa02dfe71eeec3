"""What is done with a case before it is augmented or predicted: the same in every bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from monai.transforms import Compose, SpatialPadd

from monaiseg.data.transforms import NormaliseCase, ResizeCase, RespaceCase


class Sizes(Protocol):
    """What the steps need of `monaiseg.engine.Settings`."""

    image_size: tuple[int, ...] | None
    spacing: tuple[float, ...] | None
    roi_size: tuple[int, ...]


def training_steps(read_case: Callable[..., Any], settings: Sizes, extra: Sequence[Callable[..., Any]] = ()) -> Compose:
    """Return: read, resize, what `extra` does with the case at the size it is trained at, pad to `roi_size`.

    Args:
        read_case: reads a case, as `ReadCase` does.
        settings: gives `image_size` or `spacing` (None: the images' own) and `roi_size`.
        extra: see above.
    """
    pad = SpatialPadd(("image", "label"), settings.roi_size, mode="edge")
    return Compose([read_case, *_resize(settings, label=True), *extra, pad])


def evaluation_steps(
    read_case: Callable[..., Any], settings: Sizes, extra: Sequence[Callable[..., Any]] = ()
) -> Compose:
    """Return: read, what `extra` does with the case at its own size, resize the image, normalise."""
    return Compose([read_case, *extra, *_resize(settings, label=False), NormaliseCase()])


def _resize(settings: Sizes, label: bool) -> list[Callable[..., Any]]:
    if settings.image_size:
        return [ResizeCase(settings.image_size, label)]
    return [RespaceCase(settings.spacing, label)] if settings.spacing else []
