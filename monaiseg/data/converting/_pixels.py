"""The image and the masks of a case as they are written elsewhere: as they are where that can be, else resized."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage.transform import resize

from monaiseg.data.cases import Case, images_of
from monaiseg.data.classes import Classes
from monaiseg.data.labels import read_label
from monaiseg.data.pictures import needs_tifffile, open_picture
from monaiseg.data.reading import check_sizes, image_shape, read_image
from monaiseg.data.volumes import is_volume, volume_geometry
from monaiseg.data.writing import PICTURE, VOLUME, encode_picture, encode_volume

Array = npt.NDArray[Any]
Size = tuple[int, ...] | None


def image_bytes(file: str, size: Size) -> tuple[str, bytes]:
    """Return the suffix and the content of an image file: the same where the size stays, else PNG or NIfTI.

    Raises:
        DataError: the file cannot be read.
    """
    suffix = VOLUME if file.lower().endswith(VOLUME) else Path(file).suffix.lower()
    if size is None and not needs_tifffile(file):
        return suffix, Path(file).read_bytes()
    if not is_volume(file):
        picture = open_picture(file)
        if size is not None:
            picture = picture.convert(_plain(picture.mode)).resize((size[1], size[0]), _LINEAR)
        return PICTURE, encode_picture(np.asarray(picture))
    geometry = volume_geometry(file)
    values = read_image(file, 3, geometry.shape[3] if len(geometry.shape) > 3 else 1)
    resized = np.stack([_resized_volume(channel, size, smooth=True) for channel in values], axis=-1)
    resized = resized[..., 0] if resized.shape[-1] == 1 else resized
    return VOLUME, encode_volume(resized.astype(np.float32), scaled_affine(file, size))


_LINEAR, _NEAREST = Image.Resampling.BILINEAR, Image.Resampling.NEAREST


def _plain(mode: str) -> str:
    """Return the mode in which a picture can be resized: not by its palette's indices."""
    return mode if mode in ("L", "RGB", "RGBA", "I;16", "I", "F") else "RGB"


def _resized_volume(values: Array, size: Size, smooth: bool) -> Array:
    if size is None:
        return values
    shrinks = any(new < old for new, old in zip(size, values.shape, strict=True))
    return np.asarray(
        resize(values, size, order=int(smooth), mode="edge", anti_aliasing=smooth and shrinks, preserve_range=True)
    )


def scaled_affine(file: str, size: Size) -> npt.NDArray[np.float64]:
    """Return the affine of a volume once it has another size: the same place, larger or smaller voxels."""
    geometry = volume_geometry(file)
    if size is None:
        return geometry.affine
    factors = np.array(geometry.shape[:3]) / np.array(size)
    scale = np.diag([*factors, 1.0])
    scale[:3, 3] = (factors - 1) / 2  # voxels are counted from their centres
    return np.asarray(geometry.affine @ scale)


def masks_of(case: Case, classes: Classes, size: Size) -> Array:
    """Return the masks of a case `[K, *spatial]`, zeros and ones, resized by nearest neighbour.

    Raises:
        DataError: the label cannot be read, or has another size than the image.
    """
    _, shape = image_shape(case)
    masks = read_label(case, len(shape), classes)[0]
    check_sizes(case, np.empty((1, *shape)), masks)
    return np.stack([resized_mask(mask, size) for mask in masks])


def resized_mask(mask: Array, size: Size) -> Array:
    """Return a mask of another size by nearest neighbour, so that it stays of zeros and ones."""
    if size is None:
        return mask
    if mask.ndim == 2:
        return np.asarray(Image.fromarray(mask).resize((size[1], size[0]), _NEAREST))
    return _resized_volume(mask, size, smooth=False).astype(np.uint8)


def joined_volume(files: Sequence[str], size: Size) -> bytes:
    """Return volumes that are channels of one image as one NIfTI `[*spatial, C]`."""
    channels = [_resized_volume(read_image(file, 3, 1)[0], size, smooth=True) for file in files]
    return encode_volume(np.stack(channels, axis=-1).astype(np.float32), scaled_affine(files[0], size))


def first_image(case: Case) -> str:
    """Return the first image file of a case."""
    return images_of(case)[0]
