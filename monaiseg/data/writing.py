"""What label and image files hold, as bytes: masks, values or colours, as pictures or as NIfTI."""

from __future__ import annotations

import gzip
import io
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from monaiseg.data.classes import Classes

Array = npt.NDArray[Any]

PICTURE, DEEP_PICTURE, VOLUME = ".png", ".tif", ".nii.gz"
WHITE = 255
MOST_IN_A_BYTE = 255


def label_files(probabilities: Array, classes: Classes) -> dict[str, Array]:
    """Return what the label files of a case hold, each by what follows the case's name in theirs.

    By masks: `""` for one class, else `_<class>` for each, of 0 and 255 for pictures and 0 and 1 for volumes; likewise
    for objects, which probabilities alone do not tell apart. By values or colours: one file; where several classes are
    probable the most probable one holds, and of classes that are regions of one another the smallest.

    Args:
        probabilities: `[K, *spatial]`, or masks; a class is where its probability is above 0.5.
    """
    present = probabilities > 0.5
    if not classes.keys:
        high = np.uint8(WHITE if present.ndim == 3 else 1)
        names = [""] if len(classes) == 1 else [f"_{name}" for name in classes.names]
        return {name: mask * high for name, mask in zip(names, present, strict=True)}
    winner = _winner(probabilities, present, classes)
    if classes.kind == "colours":
        colours = np.array([classes.background, *classes.keys], np.uint8)
        return {"": colours[winner]}
    values = np.array([0, *(own_value(classes, index) for index in range(len(classes)))])
    return {"": values.astype(np.uint8 if values.max() <= MOST_IN_A_BYTE else np.uint16)[winner]}


def _winner(probabilities: Array, present: Array, classes: Classes) -> Array:
    """Return for each place the number of its class from 1, or 0 for background."""
    # Smaller regions come first; of classes that are no regions of others how many values they have says nothing.
    sizes = np.array([0 if classes.exclusive else len(key) for key in classes.keys])
    rank = np.asarray(probabilities, np.float32) - sizes.reshape(-1, *[1] * (present.ndim - 1))
    rank = np.where(present, rank, -np.inf)
    return np.where(present.any(axis=0), rank.argmax(axis=0) + 1, 0)


def own_value(classes: Classes, index: int) -> int:
    """Return the value that a class is written as: the first that no smaller region has."""
    smaller = {value for key in classes.keys if len(key) < len(classes.keys[index]) for value in key}
    return next((value for value in classes.keys[index] if value not in smaller), classes.keys[index][0])


def encode_picture(pixels: Array) -> bytes:
    """Return pixels `[H, W]` or `[H, W, 3]` as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def encode_deep_picture(pixels: Array) -> bytes:
    """Return pixels `[H, W]` of any type as TIFF: PNG has no floating point, and no more than 16 bits."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, compression="zlib", metadata=None)
    return buffer.getvalue()


def encode_volume(values: Array, affine: npt.NDArray[np.float64]) -> bytes:
    """Return values `[*spatial]`, or `[*spatial, C]`, as compressed NIfTI; equal values give equal bytes."""
    return gzip.compress(nibabel.Nifti1Image(values, affine).to_bytes(), mtime=0)
