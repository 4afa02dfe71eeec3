"""What is done with a case before it is augmented or predicted: the same in every bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from monai.transforms import Compose, SpatialPadd

from monaiseg.data.transforms import NormaliseCase, ResizeCase


class Sizes(Protocol):
    """What the steps need of `monaiseg.engine.Settings`."""

    image_size: tuple[int, ...] | None
    roi_size: tuple[int, ...]


def training_steps(read_case: Callable[..., Any], settings: Sizes, extra: Sequence[Callable[..., Any]] = ()) -> Compose:
    """Return: read, resize, what `extra` does with the case at the size it is trained at, pad to `roi_size`.

    Args:
        read_case: reads a case, as `ReadCase` does.
        settings: gives `image_size` (None: the images' own) and `roi_size`.
        extra: see above.
    """
    return Compose(
        [
            read_case,
            *([ResizeCase(settings.image_size, label=True)] if settings.image_size else []),
            *extra,
            SpatialPadd(("image", "label"), settings.roi_size, mode="edge"),
        ]
    )


def evaluation_steps(
    read_case: Callable[..., Any], settings: Sizes, extra: Sequence[Callable[..., Any]] = ()
) -> Compose:
    """Return: read, what `extra` does with the case at its own size, resize the image, normalise."""
    resize = [ResizeCase(settings.image_size, label=False)] if settings.image_size else []
    return Compose([read_case, *extra, *resize, NormaliseCase()])
