"""The pixels and voxels of a case as they are written elsewhere: as stored, or resized, and their encodings."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage.transform import resize

from monaiseg.data.cases import Case, images_of
from monaiseg.data.pictures import DEEP_MODES, open_picture, picture_mode
from monaiseg.data.reading import image_shape, read_image
from monaiseg.data.volumes import volume_geometry
from monaiseg.data.writing import (
    DEEP_PICTURE,
    PICTURE,
    VOLUME,
    encode_deep_picture,
    encode_picture,
    encode_volume,
)
from monaiseg.errors import DataError

Array = npt.NDArray[Any]
Size = tuple[int, ...] | None

GREY_MODES = ("1", "L", "LA")
MOST_IN_PNG = 65535
_LINEAR, _NEAREST = Image.Resampling.BILINEAR, Image.Resampling.NEAREST


def picture_values(file: str, size: Size, grey: bool | None = None) -> Array:
    """Return a picture `[H, W]` or `[H, W, 3]` in the type it is stored in, resized linearly with anti-aliasing.

    Args:
        grey: whether 8-bit pictures become grey or RGB; None: as they are, without palette and alpha.

    Raises:
        DataError: the file cannot be read.
    """
    mode = picture_mode(file)
    if mode in DEEP_MODES:
        deep = np.asarray(open_picture(file))
        return _resized_deep(deep.astype(deep.dtype.newbyteorder("=")), size)
    grey = mode in GREY_MODES if grey is None else grey
    values = read_image(file, 2, 1 if grey else 3)
    picture = Image.fromarray(values[0] if grey else np.moveaxis(values, 0, -1).copy())
    return np.asarray(picture if size is None else picture.resize((size[1], size[0]), _LINEAR))


def _resized_deep(values: Array, size: Size) -> Array:
    """Return values of more than 8 bits resized in floating point, and rounded where they are whole numbers."""
    if size is None:
        return values
    resized = np.asarray(Image.fromarray(values.astype(np.float32)).resize((size[1], size[0]), _LINEAR))
    return resized if values.dtype.kind == "f" else np.rint(resized).astype(values.dtype)


def encode_pixels(values: Array, suffix: str | None = None) -> tuple[str, bytes]:
    """Return the suffix and the content of a picture file: PNG where it can hold the values, else TIFF.

    Args:
        suffix: of the file, where all files of a set must have one.
    """
    fits = values.dtype.kind != "f" and (values.min() >= 0 and values.max() <= MOST_IN_PNG)
    if suffix == DEEP_PICTURE or not fits:
        return DEEP_PICTURE, encode_deep_picture(values)
    return PICTURE, encode_picture(values if values.dtype == np.uint8 else values.astype(np.uint16))


def volume_values(case: Case, size: Size) -> Array:
    """Return the volume of a case, of one file or several, as float32 `[C, *spatial]`, resized linearly.

    Raises:
        DataError: a file cannot be read.
    """
    channels, shape = image_shape(case)
    values = read_image(case["image"], len(shape), channels)
    return np.stack([_resized(channel, size, smooth=True) for channel in values]).astype(np.float32)


def _resized(values: Array, size: Size, smooth: bool) -> Array:
    if size is None:
        return values
    shrinks = any(new < old for new, old in zip(size, values.shape, strict=True))
    return np.asarray(
        resize(values, size, order=int(smooth), mode="edge", anti_aliasing=smooth and shrinks, preserve_range=True)
    )


def resized_label(values: Array, size: Size) -> Array:
    """Return a mask or the values of a label `[*spatial]` at another size by nearest neighbour: no new values."""
    if size is None:
        return values
    if values.ndim == 2:
        picture = Image.fromarray(values.astype(np.int32))
        return np.asarray(picture.resize((size[1], size[0]), _NEAREST)).astype(values.dtype)
    return _resized(values, size, smooth=False).astype(values.dtype)


def encode_like(values: Array, file: str, size: Size) -> bytes:
    """Return values `[*spatial]` or `[*spatial, C]` as NIfTI that lies where the volume in `file` does.

    A volume of one slice, which is read as two dimensions, gets its third axis back.

    Raises:
        DataError: two dimensions have several channels, which NIfTI cannot tell from slices.
    """
    geometry = volume_geometry(file)
    spatial = 2 if len(geometry.shape) == 2 or geometry.shape[2] == 1 else 3
    if spatial == 2 and values.ndim > 2:
        raise DataError(f"{file}: has 2 dimensions and several channels; --to nnunet holds it, a file a channel")
    flat = len(geometry.shape) > 2 and spatial == 2
    return encode_volume(values[..., None] if flat else values, scaled_affine(file, size))


def scaled_affine(file: str, size: Size) -> npt.NDArray[np.float64]:
    """Return the affine of a volume once it has another size: the same place, larger or smaller voxels."""
    geometry = volume_geometry(file)
    if size is None:
        return geometry.affine
    factors = np.array((*geometry.shape, 1)[:3]) / np.array((*size, 1)[:3])
    scale = np.diag([*factors, 1.0])
    scale[:3, 3] = (factors - 1) / 2  # voxels are counted from their centres
    return np.asarray(geometry.affine @ scale)


def copied(file: str, ending: str) -> bytes | None:
    """Return the content of an image file if it can be taken as it is for a file of that ending, else None."""
    if file.lower().endswith(ending):
        return Path(file).read_bytes()
    if ending == VOLUME and file.lower().endswith(".nii"):
        return gzip.compress(Path(file).read_bytes(), mtime=0)
    return None


def first_image(case: Case) -> str:
    """Return the first image file of a case."""
    return images_of(case)[0]
