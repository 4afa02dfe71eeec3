"""Opens one picture file, by Pillow or, where it refuses a TIFF, by tifffile; and fails with the file's name."""

from __future__ import annotations

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from monaiseg.errors import DataError

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I", "F")
"""Pillow's modes of more than 8 bits."""

TIFF = (".tif", ".tiff")


def open_picture(path: str) -> Image.Image:
    """Return the picture, decoded.

    Raises:
        DataError: the file cannot be read, or holds several pictures.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            frames = getattr(picture, "n_frames", 1)
    except UnidentifiedImageError as error:
        return _open_tiff(path, error)
    except Exception as error:
        raise unreadable(path, "a picture", error) from error
    if frames > 1:
        raise DataError(f"{path}: holds {frames} pictures; save one a file", "frames")
    return picture


def _open_tiff(path: str, refusal: Exception) -> Image.Image:
    """Return the picture of a TIFF that Pillow refuses, as CVC-ClinicDB's: three samples a pixel, tagged as grey."""
    if not path.lower().endswith(TIFF):
        raise unreadable(path, "a picture", refusal) from refusal
    try:
        with tifffile.TiffFile(path) as file:
            frames, page = len(file.pages), file.pages.first
            pixels = page.asarray()
            planes_first = page.axes.startswith("S")
        if frames == 1:
            return Image.fromarray(np.moveaxis(pixels, 0, -1).copy() if planes_first else pixels)
    except Exception as error:
        raise unreadable(path, "a picture", error) from error
    raise DataError(f"{path}: holds {frames} pictures; save one a file", "frames")


def picture_size(path: str) -> tuple[int, int]:
    """Return height and width of a picture, from its header alone; raises DataError as `open_picture` does."""
    picture = _header(path)
    return picture.height, picture.width


def picture_mode(path: str) -> str:
    """Return Pillow's mode of a picture, from its header alone; raises DataError as `open_picture` does."""
    return _header(path).mode


def _header(path: str) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture
    except UnidentifiedImageError as error:
        return _open_tiff(path, error)
    except Exception as error:
        raise unreadable(path, "a picture", error) from error


def needs_tifffile(path: str) -> bool:
    """Tell whether Pillow refuses a TIFF."""
    if not path.lower().endswith(TIFF):
        return False
    try:
        with Image.open(path):
            return False
    except UnidentifiedImageError:
        return True


def unreadable(path: str, kind: str, error: Exception) -> DataError:
    """Return the error that says why a file of that kind cannot be read."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{path}: cannot be read as {kind} ({reason}); replace or remove it", "unreadable")
