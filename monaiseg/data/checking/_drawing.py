"""Draws a case small, with the outlines of its classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from monaiseg.data.cases import Case
from monaiseg.data.classes import Classes
from monaiseg.data.labels import read_label
from monaiseg.data.reading import image_shape, read_image
from monaiseg.errors import DataError

Array = npt.NDArray[Any]

SIDE = 200
"""Pixels of the longer side of a picture."""

COLOURS = ((0, 220, 120), (255, 80, 60), (70, 140, 255), (255, 200, 0), (220, 90, 255), (0, 220, 220))


def draw_case(case: Case, classes: Classes) -> Image.Image:
    """Return a picture of a case with the outlines of its classes; of a volume the slice with most of them.

    A label that cannot be read, or is of another size, is left out.

    Raises:
        DataError: the image cannot be read.
    """
    channels, size = image_shape(case)
    pixels = read_image(case["image"], len(size), channels)
    masks = _masks(case, classes, pixels)
    if len(size) > 2:
        depth = int(masks.any(axis=0).sum(axis=(0, 1)).argmax()) if masks.any() else pixels.shape[-1] // 2
        # The first axis to the right and the second one up, as anatomy is shown.
        pixels, masks = (array[..., depth].swapaxes(1, 2)[:, ::-1] for array in (pixels, masks))
    picture = Image.fromarray(_as_rgb(pixels))
    scale = SIDE / max(picture.size)
    shown = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    canvas = np.asarray(picture.resize(shown, Image.Resampling.BILINEAR)).copy()
    for index, mask in enumerate(masks):
        small = np.asarray(Image.fromarray(mask).resize(shown, Image.Resampling.NEAREST))
        canvas[small & ~ndimage.binary_erosion(small)] = COLOURS[index % len(COLOURS)]
    return Image.fromarray(canvas)


def _masks(case: Case, classes: Classes, pixels: Array) -> Array:
    nothing = np.zeros((1, *pixels.shape[1:]), bool)
    if not case["label"]:
        return nothing
    try:
        masks = read_label(case, pixels.ndim - 1, classes)[0] > 0
    except DataError:
        return nothing
    return masks if masks.shape[1:] == pixels.shape[1:] else nothing


def _as_rgb(pixels: Array) -> npt.NDArray[np.uint8]:
    """Return `[H, W, 3]` of an image `[C, H, W]`; what is not 8 bits is stretched between its percentiles."""
    shown = np.moveaxis(pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0), 0, -1)
    if shown.dtype == np.uint8:
        return np.ascontiguousarray(shown)
    low, high = np.percentile(shown, (1, 99))
    stretched = (shown - low) / max(float(high - low), np.finfo(np.float32).tiny)
    return np.asarray(255 * stretched.clip(0, 1), dtype=np.uint8)
