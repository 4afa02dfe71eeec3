"""Reads the label of a case into a channel a class.

What a label file means is never guessed: a mask is two-valued or has grey edges around 0 and 255; values and colours
that no class has are an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg.data.cases import Case
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.masks import Mask, flat_values, read_mask, shown
from monaiseg.data.pictures import DEEP_MODES, open_picture, palette_values
from monaiseg.data.reading import size_text
from monaiseg.data.volumes import is_volume, read_volume
from monaiseg.errors import DataError

Array = npt.NDArray[Any]

MASK = (255,)
"""The values of a class that is named, but is a mask like one that is not: its edges may be grey."""


def read_label(case: Case, spatial_dims: int, classes: Classes = FOREGROUND) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the label `[len(classes), *spatial]` of zeros and ones, and whether grey edges had to be thresholded.

    Raises:
        DataError: a label file cannot be read, differs in size from another one, or does not hold what `classes` says.
    """
    if classes.kind != "masks":
        return _keyed(case, spatial_dims, classes), False
    channels, had_edges = [], False
    for channel in case["label"]:
        merged: Mask | None = None
        for path in [channel] if isinstance(channel, str) else channel:
            mask, edges = read_mask(path, spatial_dims)
            had_edges |= edges
            if merged is not None and merged.shape != mask.shape:
                sizes = f"{size_text(mask.shape)}, the case's other masks are {size_text(merged.shape)}"
                raise DataError(f"{path}: is {sizes}", "size")
            merged = mask if merged is None else merged | mask
        if merged is not None:
            channels.append(merged)
    for other, channel in zip(channels, case["label"], strict=True):
        if other.shape != channels[0].shape:
            sizes = f"{size_text(other.shape)}, the first class's mask is {size_text(channels[0].shape)}"
            raise DataError(f"{channel}: is {sizes}", "size")
    return np.stack(channels).astype(np.uint8), had_edges


def _keyed(case: Case, spatial_dims: int, classes: Classes) -> npt.NDArray[np.uint8]:
    """Return a channel a class from the one file that holds them by value or colour."""
    path = case["label"][0]
    if len(case["label"]) != 1 or not isinstance(path, str):
        raise DataError(
            f"{case['id']}: has several label files, but its classes are told by {classes.kind} in one", "classes"
        )
    if classes.kind == "colours":
        return _by_colour(path, classes)
    if classes.keys == (MASK,):
        return read_mask(path, spatial_dims)[0][None].astype(np.uint8)
    values = label_values(path, spatial_dims)
    channels = np.stack([np.isin(values, key) for key in classes.keys])
    stray = np.unique(values[(values != 0) & ~channels.any(axis=0)])
    if stray.size:
        raise DataError(
            f"{path}: holds {shown(stray)}, which no class has ({classes}); mend it, or name all with --classes",
            "values",
        )
    return channels.astype(np.uint8)


def _by_colour(path: str, classes: Classes) -> npt.NDArray[np.uint8]:
    pixels = np.asarray(open_picture(path).convert("RGB"))
    channels = np.stack([(pixels == np.array(key)).all(axis=-1) for key in classes.keys])
    stray = pixels[~channels.any(axis=0) & (pixels != np.array(classes.background)).any(axis=-1)]
    if len(stray):
        colour = tuple(int(value) for value in stray[0])
        raise DataError(
            f"{path}: holds the colour {colour}, which no class has ({classes}); name all with --classes", "values"
        )
    return channels.astype(np.uint8)


def label_values(path: str, spatial_dims: int) -> Array:
    """Return the values of a label file `[*spatial]`: whole numbers, of a palette its indices.

    Raises:
        DataError: the file cannot be read, has other dimensions, or holds values that are not whole.
    """
    values = flat_values(read_volume(path) if is_volume(path) else _indices(path), path, spatial_dims)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or (values != np.round(values)).any():
            raise DataError(
                f"{path}: holds label values that are not whole numbers; was it resized by interpolation?", "values"
            )
        values = values.astype(np.int64)
    return values


def _indices(path: str) -> Array:
    picture = open_picture(path)
    if picture.mode == "P":
        return palette_values(picture, path)
    return np.asarray(picture if picture.mode in ("1", "L", "RGB", *DEEP_MODES) else picture.convert("RGB"))
