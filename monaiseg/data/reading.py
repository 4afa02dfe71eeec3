"""Reads the image of a case into an array, and fails with the file's name on whatever is not as it should be.

Pillow, tifffile, nibabel and pynrrd are called directly: MONAI's `LoadImage` gives pictures transposed and keeps their
modes (palette indices, alpha), and a case that is wrong must be named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg.data.cases import Case, images_of
from monaiseg.data.pictures import DEEP_MODES, open_picture, picture_size
from monaiseg.data.placement import check_place
from monaiseg.data.volumes import is_volume, read_volume, volume_geometry
from monaiseg.errors import DataError

Array = npt.NDArray[Any]


def read_image(files: str | list[str], spatial_dims: int, in_channels: int) -> Array:
    """Return the image `[in_channels, *spatial]`: uint8 for 8-bit pictures, else float32.

    Pictures become grey (1 channel) or RGB (3 channels) as `in_channels` asks; alpha is dropped. Of several files each
    is one channel.

    Raises:
        DataError: a file cannot be read, has another number of dimensions or channels, or is not finite.
    """
    if isinstance(files, str):
        return _read_file(files, spatial_dims, in_channels)
    if len(files) != in_channels:
        raise DataError(
            f"{files[0]}: the case has {len(files)} image files; set --in_channels {len(files)}", "channels"
        )
    channels = [_read_file(file, spatial_dims, 1) for file in files]
    for file, channel in zip(files, channels, strict=True):
        if channel.shape != channels[0].shape:
            sizes = f"{size_text(channel.shape[1:])}, the case's first image is {size_text(channels[0].shape[1:])}"
            raise DataError(f"{file}: is {sizes}; make them equal", "size")
    return np.concatenate(channels)


def _read_file(path: str, spatial_dims: int, in_channels: int) -> Array:
    if not is_volume(path) and spatial_dims != 2:
        raise DataError(f"{path}: is a picture of 2 dimensions, not {spatial_dims}; set --spatial_dims 2", "dimensions")
    pixels = read_volume(path) if is_volume(path) else _picture(path, in_channels)
    if pixels.ndim == spatial_dims:
        pixels = pixels[..., None]
    if pixels.ndim != spatial_dims + 1:
        raise DataError(
            f"{path}: has {pixels.ndim} dimensions, not {spatial_dims}; set --spatial_dims to fit", "dimensions"
        )
    if pixels.shape[-1] != in_channels:
        volume = ", or --spatial_dims 3 if it is a volume" if is_volume(path) and spatial_dims == 2 else ""
        raise DataError(
            f"{path}: has {pixels.shape[-1]} channels; set --in_channels {pixels.shape[-1]}{volume}", "channels"
        )
    if pixels.dtype != np.uint8 and not np.isfinite(pixels).all():
        raise DataError(f"{path}: holds values that are not finite; mend or remove it", "not_finite")
    return np.array(np.moveaxis(pixels, -1, 0), order="C")  # a copy: torch takes no read-only arrays


def _picture(path: str, in_channels: int) -> Array:
    picture = open_picture(path)
    if picture.mode in DEEP_MODES:
        deep = np.asarray(picture).astype(np.float32)
        return np.repeat(deep[..., None], in_channels, axis=-1)
    if in_channels not in (1, 3):
        return np.asarray(picture)
    try:
        return np.asarray(picture.convert("L" if in_channels == 1 else "RGB"))
    except ValueError as error:
        raise DataError(
            f"{path}: is in {picture.mode}, which cannot be converted; save it as RGB or grey", "mode"
        ) from error


def image_shape(case: Case) -> tuple[int, tuple[int, ...]]:
    """Return the channels and the size [axes] of a case's image, from headers; a picture counts as RGB.

    Raises:
        DataError: the first file cannot be read.
    """
    files = images_of(case)
    if not is_volume(files[0]):
        return (3 if len(files) == 1 else len(files)), picture_size(files[0])
    shape = volume_geometry(files[0]).shape
    flat = len(shape) > 2 and shape[2] == 1
    spatial = 2 if flat or len(shape) == 2 else 3
    channels = shape[3] if len(shape) > 3 else 1
    return (channels if len(files) == 1 else len(files)), tuple(shape[:spatial])


def check_fit(case: Case, image: Array, label: Array) -> None:
    """Raise DataError if image and label `[C, *spatial]` differ in size, or by their headers in place."""
    if image.shape[1:] != label.shape[1:]:
        first = case["label"][0] if isinstance(case["label"][0], str) else case["label"][0][0]
        raise DataError(
            f"{first}: mask is {size_text(label.shape[1:])}, its image {Path(images_of(case)[0]).name} is "
            f"{size_text(image.shape[1:])}; make them equal",
            "size",
        )
    check_place(case)


def size_text(shape: tuple[int, ...]) -> str:
    """Return a size as 64x48."""
    return "x".join(map(str, shape))
