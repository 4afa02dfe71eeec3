"""Reads one image or mask file into an array, and fails with the file's name on whatever is not as it should be.

Pillow and nibabel are called directly: MONAI's `LoadImage` gives pictures transposed and keeps their modes (palette
indices, alpha), and a case that is wrong must be named.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from PIL import Image

from monaiseg.data.cases import VOLUMES, Case
from monaiseg.errors import DataError

Array = npt.NDArray[Any]

EDGE = 64
"""How far a mask's grey values may be from 0 and 255 to count as edges that JPEG or resizing left."""

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I", "F")

logger = logging.getLogger("monaiseg")


def read_image(path: str, spatial_dims: int, in_channels: int) -> Array:
    """Return the image `[in_channels, *spatial]`: uint8 for 8-bit pictures, else float32.

    Pictures become grey (1 channel) or RGB (3 channels) as `in_channels` asks; alpha is dropped.

    Raises:
        DataError: the file cannot be read, has another number of dimensions or channels, or is not finite.
    """
    if not _is_nifti(path) and spatial_dims != 2:
        raise DataError(f"{path}: is a picture of 2 dimensions, not {spatial_dims}; set --spatial_dims 2")
    pixels = _volume(path) if _is_nifti(path) else _picture(path, in_channels)
    if pixels.ndim == spatial_dims:
        pixels = pixels[..., None]
    if pixels.ndim != spatial_dims + 1:
        raise DataError(f"{path}: has {pixels.ndim} dimensions, not {spatial_dims}; set --spatial_dims to fit")
    if pixels.shape[-1] != in_channels:
        volume = ", or --spatial_dims 3 if it is a volume" if _is_nifti(path) and spatial_dims == 2 else ""
        raise DataError(f"{path}: has {pixels.shape[-1]} channels; set --in_channels {pixels.shape[-1]}{volume}")
    if pixels.dtype != np.uint8 and not np.isfinite(pixels).all():
        raise DataError(f"{path}: holds values that are not finite; mend or remove it")
    return np.array(np.moveaxis(pixels, -1, 0), order="C")  # a copy: torch takes no read-only arrays


def picture_size(path: str) -> tuple[int, int]:
    """Return height and width of a picture, from its header alone; raises DataError as `read_image` does."""
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except Exception as error:
        raise DataError(f"{path}: cannot be read as a picture ({_reason(error)}); replace or remove it") from error


def read_label(case: Case, spatial_dims: int) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the label `[channels, *spatial]` of zeros and ones, and whether grey edges had to be thresholded.

    Raises:
        DataError: a mask cannot be read, differs in size from another one, or is not two-valued.
    """
    channels, had_edges = [], False
    for channel in case["label"]:
        merged: npt.NDArray[np.bool_] | None = None
        for path in [channel] if isinstance(channel, str) else channel:
            mask, edges = _binarise(_mask(path, spatial_dims), path)
            had_edges |= edges
            if merged is not None and merged.shape != mask.shape:
                raise DataError(f"{path}: is {_size(mask.shape)}, the case's other masks are {_size(merged.shape)}")
            merged = mask if merged is None else merged | mask
        if merged is not None:
            channels.append(merged)
    for other, channel in zip(channels, case["label"], strict=True):
        if other.shape != channels[0].shape:
            raise DataError(f"{channel}: is {_size(other.shape)}, the first class's mask is {_size(channels[0].shape)}")
    return np.stack(channels).astype(np.uint8), had_edges


def check_sizes(case: Case, image: Array, label: Array) -> None:
    """Raise DataError if image and label `[C, *spatial]` differ in size."""
    if image.shape[1:] != label.shape[1:]:
        first = case["label"][0] if isinstance(case["label"][0], str) else case["label"][0][0]
        raise DataError(
            f"{first}: mask is {_size(label.shape[1:])}, its image {Path(case['image']).name} is "
            f"{_size(image.shape[1:])}; make them equal"
        )


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _is_nifti(path: str) -> bool:
    return path.lower().endswith(VOLUMES)


def _volume(path: str) -> Array:
    try:
        data: Array = np.asarray(nibabel.load(path).dataobj, dtype=np.float32)
    except Exception as error:
        raise DataError(f"{path}: cannot be read as NIfTI ({_reason(error)}); replace or remove it") from error
    return data


def _open(path: str) -> Image.Image:
    try:
        with Image.open(path) as picture:
            picture.load()
            frames = getattr(picture, "n_frames", 1)
    except Exception as error:
        raise DataError(f"{path}: cannot be read as a picture ({_reason(error)}); replace or remove it") from error
    if frames > 1:
        raise DataError(f"{path}: holds {frames} pictures; save one a file")
    return picture


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _picture(path: str, in_channels: int) -> Array:
    picture = _open(path)
    if picture.mode in DEEP_MODES:
        deep = np.asarray(picture).astype(np.float32)
        return np.repeat(deep[..., None], in_channels, axis=-1)
    if in_channels not in (1, 3):
        return np.asarray(picture)
    try:
        return np.asarray(picture.convert("L" if in_channels == 1 else "RGB"))
    except ValueError as error:
        raise DataError(f"{path}: is in {picture.mode}, which cannot be converted; save it as RGB or grey") from error


def _mask(path: str, spatial_dims: int) -> Array:
    values = _volume(path) if _is_nifti(path) else _mask_picture(path)
    if values.ndim == spatial_dims + 1:
        if (values != values[..., :1]).any():
            raise DataError(f"{path}: is a colour picture, not a two-valued mask; write one mask a class")
        values = values[..., 0]
    if values.ndim != spatial_dims:
        raise DataError(f"{path}: has {values.ndim} dimensions, not {spatial_dims}")
    return values


def _mask_picture(path: str) -> Array:
    """Return a mask's values, [H, W] or [H, W, 3]: of a palette its colours where they are greys, else its indices."""
    picture = _open(path)
    if "A" in picture.getbands():
        least, most = picture.getchannel("A").getextrema()
        if least != most:
            raise DataError(f"{path}: mask is partly transparent; write it without an alpha channel")
    values = np.asarray(picture)
    if picture.mode in ("1", "L", "RGB", *DEEP_MODES):
        return values
    colours = np.asarray(picture.convert("RGB"))
    grey = not (colours != colours[..., :1]).any() and len(np.unique(colours)) == len(np.unique(values))
    return colours if grey or picture.mode != "P" else values


def _binarise(values: Array, path: str) -> tuple[npt.NDArray[np.bool_], bool]:
    """Return the foreground and whether there were grey edges around 0 and 255."""
    if values.dtype == np.bool_:
        return values.astype(np.bool_), False
    low, high = values.min(), values.max()
    if (low == 0 and ((values == 0) | (values == high)).all()) or low == high == 1:
        return values > 0, False
    between = np.unique(values[(values > 0) & (values < 255)])
    classes = between.size > 0 and np.array_equal(between, np.arange(1, between.size + 1))  # and 255 to be ignored
    near = low >= 0 and 255 - EDGE <= high <= 255 and ((values <= EDGE) | (values >= 255 - EDGE)).all()
    if near and not classes:
        return values > 127, between.size > 0
    shown = ", ".join(f"{value:g}" for value in np.unique(values)[:6])
    raise DataError(f"{path}: mask is not two-valued ({shown}, ...); write 0 for background and 255 for foreground")
