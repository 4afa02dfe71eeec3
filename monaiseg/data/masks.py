"""Reads one mask file of two values: what is foreground is never guessed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from monaiseg.data.pictures import DEEP_MODES, open_picture, palette_values
from monaiseg.data.volumes import is_volume, read_volume
from monaiseg.errors import DataError

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

EDGE = 64
"""How far a mask's grey values may be from 0 and 255 to count as edges that JPEG or resizing left."""

COLOURED = 100_000
"""Pixels that are looked at for a colour to name: to sort all of a large picture takes a minute."""

GRADIENT = 8
"""So many different greys are a gradient along edges, not classes."""


def read_mask(path: str, spatial_dims: int) -> tuple[Mask, bool]:
    """Return the foreground `[*spatial]` of a mask file, and whether grey edges around 0 and 255 were thresholded.

    Raises:
        DataError: the file cannot be read, has other dimensions, or is not two-valued.
    """
    return binarise(mask_values(path, spatial_dims), path)


def mask_values(path: str, spatial_dims: int) -> Array:
    """Return the values of a mask file `[*spatial]` as stored; raises DataError as `read_mask` does."""
    return flat_values(read_volume(path) if is_volume(path) else _mask_picture(path), path, spatial_dims)


def flat_values(values: Array, path: str, spatial_dims: int) -> Array:
    """Return values without a channel axis, whose channels must be equal."""
    if values.ndim == spatial_dims + 1:
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DataError(f"{path}: holds values that are no numbers; replace it", "not_finite")
        if (values != values[..., :1]).any():
            raise DataError(
                f"{path}: is a colour picture, not a two-valued mask; write one mask a class, or name its colours with "
                f"--classes \"{{'name': {list(map(int, _a_colour(values)))}}}\"",
                "colour",
            )
        values = values[..., 0]
    if values.ndim != spatial_dims:
        raise DataError(f"{path}: has {values.ndim} dimensions, not {spatial_dims}", "dimensions")
    return values


def _a_colour(values: Array) -> Array:
    """Return the commonest colour of a picture that is no grey, among the first `COLOURED` pixels of these."""
    coloured = values[(values != values[..., :1]).any(axis=-1)][:COLOURED]
    colours, counts = np.unique(coloured, axis=0, return_counts=True)
    return np.asarray(colours[counts.argmax()])


def _mask_picture(path: str) -> Array:
    """Return a mask's values, [H, W] or [H, W, 3]: of a palette its colours where they are greys, else its indices."""
    picture = open_picture(path)
    if "A" in picture.getbands():
        least, most = picture.getchannel("A").getextrema()
        if least != most:
            raise DataError(f"{path}: mask is partly transparent; write it without an alpha channel", "transparent")
    values = np.asarray(picture)
    if picture.mode in ("1", "L", "RGB", *DEEP_MODES):
        return values
    colours = np.asarray(picture.convert("RGB"))
    grey = not (colours != colours[..., :1]).any() and len(np.unique(colours)) == len(np.unique(values))
    return colours if grey or picture.mode != "P" else palette_values(picture, path)


def binarise(values: Array, path: str) -> tuple[Mask, bool]:
    """Return the foreground of a mask's values, and whether there were grey edges; raises as `read_mask` does."""
    if values.dtype == np.bool_:
        return values.astype(np.bool_), False
    low, high = values.min(), values.max()
    if (low == 0 and ((values == 0) | (values == high)).all()) or low == high == 1:
        return values > 0, False
    between = np.unique(values[(values > 0) & (values < 255)])
    classes = between.size > 0 and np.array_equal(between, np.arange(1, between.size + 1))  # and 255 to be ignored
    near = low >= 0 and 255 - EDGE <= high <= 255 and (between.size >= GRADIENT or _far(values).sum() == 0)
    if near and not classes and _on_edges(values):
        return values > 127, between.size > 0
    levels = np.unique(values)
    told = f"mask is not two-valued ({shown(levels)}, ...); write 0 for background and 255 for foreground"
    few = "name its values with --classes if they are classes"
    named = few if len(levels) < GRADIENT else "set --classes instances if each object has a value of its own"
    raise DataError(f"{path}: {told}, or {named}", "values")


def _far(values: Array) -> Mask:
    """Return where values are neither near 0 nor near 255."""
    return np.asarray((values > EDGE) & (values < 255 - EDGE))


def _on_edges(values: Array) -> bool:
    """Tell whether all greys that are far from 0 and 255 lie between a pixel near 0 and one near 255."""
    far = _far(values)
    if not far.any():
        return True
    around = ndimage.generate_binary_structure(values.ndim, values.ndim)
    low, high = (ndimage.binary_dilation(near, around) for near in (values <= EDGE, values >= 255 - EDGE))
    return not (far & ~(low & high)).any()


def shown(values: Array) -> str:
    """Return the first six values as text."""
    return ", ".join(f"{value:g}" for value in values[:6])
