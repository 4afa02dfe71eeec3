"""Reads the label of a case into a channel a class, or into an id for each object of each class.

What a label file means is never guessed: a mask is two-valued or has grey edges around 0 and 255; values and colours
that no class has are an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from monaiseg.data.cases import Case
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.masks import flat_values, read_mask, shown
from monaiseg.data.pictures import DEEP_MODES, open_picture, palette_values
from monaiseg.data.reading import size_text
from monaiseg.data.volumes import is_volume, read_volume
from monaiseg.errors import DataError

Array = npt.NDArray[Any]

MASK = (255,)
"""The values of a class that is named, but is a mask like one that is not: its edges may be grey."""

MOST = 2**24 - 1
"""The largest id of an object: volumes are read as float32, in which 2^24 and 2^24 + 1 are one."""


def read_label(case: Case, spatial_dims: int, classes: Classes = FOREGROUND) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the label `[len(classes), *spatial]` of zeros and ones, and whether grey edges had to be thresholded.

    Raises:
        DataError: a label file cannot be read, differs in size from another one, or does not hold what `classes` says.
    """
    channels, had_edges = _channels(case, spatial_dims, classes)
    return np.stack([channel != 0 for channel in channels]).astype(np.uint8), had_edges


def read_instances(case: Case, spatial_dims: int, classes: Classes = FOREGROUND) -> tuple[npt.NDArray[np.int32], bool]:
    """Return an id for each object of each class, `[len(classes), *spatial]`, 0 for background; else as `read_label`.

    Of a class of several files each file is an object; where two lie on each other the later one has the pixels. Where
    ids are stored they are kept. Otherwise pixels that touch, by a corner too, are one object.
    """
    channels, had_edges = _channels(case, spatial_dims, classes)
    return np.stack([channel if channel.dtype == np.int32 else joined(channel) for channel in channels]), had_edges


def joined(mask: Array) -> npt.NDArray[np.int32]:
    """Return the connected components of a mask `[*spatial]`, by sides and corners, numbered from 1."""
    return np.asarray(ndimage.label(mask, np.ones((3,) * mask.ndim))[0], np.int32)


def _channels(case: Case, spatial_dims: int, classes: Classes) -> tuple[list[Array], bool]:
    """Return each class `[*spatial]`: ids of objects as int32 where files tell them apart, else not 0 where it is."""
    if classes.kind != "masks":
        return list(_keyed(case, spatial_dims, classes)), False
    channels: list[Array] = []
    had_edges = False
    for channel in case["label"]:
        one, edges = read_mask(channel, spatial_dims) if isinstance(channel, str) else _merged(channel, spatial_dims)
        channels.append(one)
        had_edges |= edges
    for other, channel in zip(channels, case["label"], strict=True):
        if other.shape != channels[0].shape:
            sizes = f"{size_text(other.shape)}, the first class's mask is {size_text(channels[0].shape)}"
            raise DataError(f"{channel}: is {sizes}", "size")
    return channels, had_edges


def _merged(paths: Sequence[str], spatial_dims: int) -> tuple[Array, bool]:
    """Return what the files of one class cover: the number, from 1, of the last file that does."""
    owner: Array | None = None
    had_edges = False
    for number, path in enumerate(paths, 1):
        mask, edges = read_mask(path, spatial_dims)
        had_edges |= edges
        owner = np.zeros(mask.shape, np.int32) if owner is None else owner
        if owner.shape != mask.shape:
            sizes = f"{size_text(mask.shape)}, the case's other masks are {size_text(owner.shape)}"
            raise DataError(f"{path}: is {sizes}", "size")
        np.copyto(owner, number, where=mask)
    assert owner is not None
    return owner, had_edges


def _keyed(case: Case, spatial_dims: int, classes: Classes) -> Array:
    """Return a channel a class from the one file that holds them by value, by colour or as ids."""
    path = case["label"][0]
    if len(case["label"]) != 1 or not isinstance(path, str):
        raise DataError(
            f"{case['id']}: has several label files, but its classes are told by {classes.kind} in one", "classes"
        )
    if classes.kind == "instances":
        return _ids(path, spatial_dims)[None]
    if classes.kind == "colours":
        return _by_colour(path, classes)
    if classes.keys == (MASK,):
        return read_mask(path, spatial_dims)[0][None]
    values = label_values(path, spatial_dims)
    channels = np.stack([np.isin(values, key) for key in classes.keys])
    stray = np.unique(values[(values != 0) & ~channels.any(axis=0)])
    if stray.size:
        raise DataError(
            f"{path}: holds {shown(stray)}, which no class has ({classes}); mend it, or name all with --classes",
            "values",
        )
    return channels


def _ids(path: str, spatial_dims: int) -> npt.NDArray[np.int32]:
    values = label_values(path, spatial_dims)
    if values.min(initial=0) < 0 or values.max(initial=0) > MOST:
        told = f"holds {values.min()} to {values.max()}; ids of objects are from 1 to {MOST}, and 0 is background"
        raise DataError(f"{path}: {told}", "values")
    return values.astype(np.int32)


def _by_colour(path: str, classes: Classes) -> Array:
    pixels = np.asarray(open_picture(path).convert("RGB"))
    channels = np.stack([(pixels == np.array(key)).all(axis=-1) for key in classes.keys])
    stray = pixels[~channels.any(axis=0) & (pixels != np.array(classes.background)).any(axis=-1)]
    if len(stray):
        colour = tuple(int(value) for value in stray[0])
        raise DataError(
            f"{path}: holds the colour {colour}, which no class has ({classes}); name all with --classes", "values"
        )
    return channels


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
