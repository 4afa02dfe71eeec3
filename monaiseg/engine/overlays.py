"""Pictures that show a case with the outlines of truth and prediction."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from skimage.segmentation import find_boundaries

from monaiseg._files import write_bytes

TRUTH = ((0, 200, 0), (0, 150, 255), (240, 220, 0))
PREDICTION = ((255, 0, 255), (255, 130, 0), (160, 60, 255))
"""The colours of the first class, the second and the third; further ones begin again."""

BOTH = (255, 255, 255)

READABLE = 256
"""Pixels that the longer side of a picture has at least; smaller ones are enlarged by a whole number."""

Masks = npt.NDArray[np.bool_]


def draw_overlay(image: torch.Tensor, truth: torch.Tensor | None, prediction: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Return an RGB picture `[H, W, 3]` with outlines: of the truth green, of the prediction magenta, of both white.

    Further classes have colours of their own: blue and orange, yellow and violet. Of a volume the slice with the most
    foreground in the truth, else in the prediction, is shown, across its shortest axis. What is smaller than `READABLE`
    is enlarged.

    image: [C, *spatial], stretched to its own range; of another size than the masks, it is resized to theirs.
    truth, prediction: bool [K, *spatial].
    """
    if prediction.ndim == 4:
        image, truth, prediction = _slice(image, truth, prediction)
    size = tuple(prediction.shape[1:])
    factor = math.ceil(READABLE / max(size))
    picture = _stretched(image, [side * factor for side in size])
    outlines = [None if masks is None else _outlines(masks, factor) for masks in (truth, prediction)]
    for edges, colours in zip(outlines, (TRUTH, PREDICTION), strict=True):
        for number, edge in enumerate(() if edges is None else edges):
            picture[edge] = colours[number % len(colours)]
    if outlines[0] is not None and outlines[1] is not None:
        picture[(outlines[0] & outlines[1]).any(axis=0)] = BOTH
    return picture


def _slice(
    image: torch.Tensor, truth: torch.Tensor | None, prediction: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """Return the slice that shows most of each, with the image's at the same place where that has another size."""
    axis = 1 + int(np.argmin(prediction.shape[1:]))
    shown = prediction if truth is None or not truth.any() else truth
    foreground = shown.any(0).movedim(axis - 1, 0).flatten(1).sum(1)
    place = int(foreground.argmax()) if foreground.any() else len(foreground) // 2
    same = int((place + 0.5) * image.shape[axis] / len(foreground))
    return (
        image.select(axis, same),
        None if truth is None else truth.select(axis, place),
        prediction.select(axis, place),
    )


def _outlines(masks: torch.Tensor, factor: int) -> Masks:
    """Return the inner outline of each mask `[K, H, W]`, so many times enlarged."""
    large = masks.numpy().repeat(factor, axis=1).repeat(factor, axis=2)
    edges: Masks = np.stack([find_boundaries(mask, mode="inner") for mask in large])
    return edges


def _stretched(image: torch.Tensor, size: Sequence[int]) -> npt.NDArray[np.uint8]:
    pixels = image.numpy() if len(image) == 3 else np.repeat(image[:1].numpy(), 3, axis=0)
    low, high = float(pixels.min()), float(pixels.max())
    scaled = ((pixels - low) / max(high - low, 1e-6) * 255).astype(np.uint8).transpose(1, 2, 0)
    if scaled.shape[:2] != tuple(size):
        return np.array(Image.fromarray(scaled).resize((size[1], size[0])))
    return np.ascontiguousarray(scaled)


def save_picture(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    """Write a PNG; raises OutputError if that cannot be done."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())
