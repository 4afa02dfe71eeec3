"""Pictures that show a case with the outlines of truth and prediction."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from skimage.segmentation import find_boundaries

from monaiseg._files import write_bytes

TRUTH = (0, 200, 0)
PREDICTION = (255, 0, 255)
BOTH = (255, 255, 255)


def draw_overlay(image: torch.Tensor, truth: torch.Tensor | None, prediction: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Return an RGB picture `[H, W, 3]`: outlines green for the truth, magenta for the prediction, white for both.

    image: [C, *spatial], stretched to its own range; of another size than the masks, it is resized to theirs.
    truth, prediction: bool [K, *spatial]; the outlines of all classes are drawn. Volumes: the middle slice.
    """
    if prediction.ndim == 4:
        image = image[:, image.shape[1] // 2]
        middle = prediction.shape[1] // 2
        prediction = prediction[:, middle]
        truth = None if truth is None else truth[:, middle]
    picture = _stretched(image, prediction.shape[1:])
    outlines = [_outline(mask) for mask in (truth, prediction) if mask is not None]
    colours = (TRUTH, PREDICTION) if truth is not None else (PREDICTION,)
    for outline, colour in zip(outlines, colours, strict=True):
        picture[outline] = colour
    if truth is not None:
        picture[outlines[0] & outlines[1]] = BOTH
    return picture


def _outline(masks: torch.Tensor) -> npt.NDArray[np.bool_]:
    edges: npt.NDArray[np.bool_] = np.any([find_boundaries(mask, mode="inner") for mask in masks.numpy()], axis=0)
    return edges


def _stretched(image: torch.Tensor, size: torch.Size) -> npt.NDArray[np.uint8]:
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
