"""Opens one picture file, by Pillow or, where it refuses a TIFF, by tifffile; and fails with the file's name."""

from __future__ import annotations

import logging
import math
import os
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image, UnidentifiedImageError

from monaiseg.data.bounds import check_held
from monaiseg.errors import DataError

# What they say of damaged files beside the error that they raise, a line a tag of each file, helps nobody.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

FORMATS = ("BMP", "JPEG", "PNG", "TIFF")
"""What is read, whatever the file is called: others of Pillow's start programs (EPS) or are hardly ever looked at."""

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I", "F")
"""Pillow's modes of more than 8 bits."""

TIFF = (".tif", ".tiff")

DEFLATED = 1032
"""Bytes that one byte of a PNG can stand for at most."""

_ORIENTATION, _BITS, _COMPRESSION, _PLANES = 0x112, 0x102, 0x103, 0x11C
"""The tags that tell how a picture is to be turned for looking at it (1: not at all), the bits of each colour, how it
is compressed (1: not at all) and whether each colour lies by itself (2)."""


REFUSED = (UnidentifiedImageError, Image.DecompressionBombError)
"""How Pillow refuses a picture that tifffile may yet read."""


def opened(path: str) -> Image.Image:
    """Return the picture, of which the header alone is read; raises what Pillow raises."""
    return Image.open(path, formats=FORMATS)


def open_picture(path: str) -> Image.Image:
    """Return the picture, decoded; of 16 bits in the byte order of this machine.

    Raises:
        DataError: the file cannot be read, holds several pictures, colours of more than 8 bits, or is to be turned.
    """
    try:
        with opened(path) as picture:
            check_held(path, picture.size, len(picture.getbands()))
            _check_packed(picture, path)
            _check_covered(picture, path)
            refusal = _refusal(picture, path)
            picture.load()
            frames = getattr(picture, "n_frames", 1)
    except REFUSED as error:
        return _open_tiff(path, error)
    except DataError:
        raise
    except Exception as error:
        raise unreadable(path, "a picture", error) from error
    if frames > 1:
        raise DataError(f"{path}: holds {frames} pictures; save one a file", "frames")
    if refusal:
        raise refusal
    if picture.mode == "I;16B":
        return Image.fromarray(np.asarray(picture).astype(np.uint16))
    return picture


def _check_packed(picture: Image.Image, path: str) -> None:
    """Raise DataError for a PNG of more pixels than its bytes can stand for: Pillow makes what is missing black."""
    bits = 1 if picture.mode in ("1", "L", "P") else 8 * len(picture.getbands())
    size = os.path.getsize(path)
    if picture.format == "PNG" and picture.width * picture.height * bits > 8 * DEFLATED * size:
        told = f"declares {picture.width}x{picture.height} pixels, for which its {size} bytes are too few"
        raise DataError(f"{path}: {told}; replace or remove it", "unreadable")


def _check_covered(picture: Image.Image, path: str) -> None:
    """Raise DataError for a TIFF whose strips or tiles leave a part out: Pillow makes it black."""
    tags = getattr(picture, "tag_v2", {})
    planes = len(picture.getbands()) if tags.get(_PLANES) == 2 and tags.get(_COMPRESSION) == 1 else 1
    held = sum((right - left) * (lower - upper) for _, (left, upper, right, lower), *_ in getattr(picture, "tile", ()))
    if picture.format == "TIFF" and held < planes * picture.width * picture.height:
        told = f"declares {picture.width}x{picture.height} pixels, and holds {held // planes}"
        raise DataError(f"{path}: {told}; replace or remove it", "unreadable")


def _refusal(picture: Image.Image, path: str) -> DataError | None:
    """Return what Pillow would do to a picture without a word when it decodes it: cut colours to 8 bits, or turn it."""
    layouts = [str(tile[3]) for tile in getattr(picture, "tile", ())]
    bits = getattr(picture, "tag_v2", {}).get(_BITS, ())
    if picture.mode not in DEEP_MODES and (any(";16" in layout for layout in layouts) or max(bits, default=8) > 8):
        mend = "save it with 8 bits, or each colour as a grey file of its own"
        return DataError(f"{path}: holds more than 8 bits a colour, which are not read; {mend}", "mode")
    turned = picture.getexif().get(_ORIENTATION, 1)
    if turned in range(2, 9):
        mend = "turn its pixels (mogrify -auto-orient) or remove the tag, so that it lies as its mask does"
        return DataError(f"{path}: is to be turned, by its EXIF orientation {turned}; {mend}", "orientation")
    return None


def palette_values(picture: Image.Image, path: str) -> npt.NDArray[Any]:
    """Return the values [H, W] of a picture in palette colours: its indices, of which 0 is background.

    Where index 0 has another colour than black, and another index is black, of two colours black becomes 0.

    Raises:
        DataError: there are more colours, so that it is in doubt what is background.
    """
    indices = np.asarray(picture)
    black = (np.asarray(picture.convert("RGB")) == 0).all(axis=-1)
    first = (picture.getpalette("RGB") or [0, 0, 0])[:3]
    if first == [0, 0, 0] or not black.any():
        return indices
    if len(np.unique(indices)) <= 2:
        return np.asarray(~black, dtype=np.uint8)
    raise DataError(
        f"{path}: its palette has {tuple(first)} at 0 and black at {indices[black][0]}, so that its background is in "
        "doubt; put black at 0, or name its colours with --classes",
        "colour",
    )


def _open_tiff(path: str, refusal: Exception) -> Image.Image:
    """Return the picture of a TIFF that Pillow refuses: for its size, or as CVC-ClinicDB's, tagged as grey with RGB."""
    if not path.lower().endswith(TIFF):
        raise _refused(path, refusal) from refusal
    try:
        with tifffile.TiffFile(path) as file:
            frames, page = len(file.pages), file.pages.first
            if page.dtype is None:
                raise ValueError("its values are of no known type")  # noqa: TRY301
            check_held(path, page.shape, page.dtype.itemsize)
            if math.prod(page.chunked) > os.path.getsize(path):  # tifffile would go through them one by one
                raise ValueError("it declares more strips than it has bytes")  # noqa: TRY301
            pixels = page.asarray()
            planes_first = page.axes.startswith("S")
        if frames == 1:
            return Image.fromarray(np.moveaxis(pixels, 0, -1).copy() if planes_first else pixels)
    except DataError:
        raise
    except Exception as error:
        raise unreadable(path, "a picture", error) from error
    raise DataError(f"{path}: holds {frames} pictures; save one a file", "frames")


def _refused(path: str, refusal: Exception) -> DataError:
    if isinstance(refusal, Image.DecompressionBombError):
        told = f"has more pixels than Pillow decodes ({2 * (Image.MAX_IMAGE_PIXELS or 0)})"
        return DataError(f"{path}: {told}; cut it into tiles, or save it as TIFF without compression", "size")
    return unreadable(path, "a picture", refusal)


def picture_size(path: str) -> tuple[int, int]:
    """Return height and width of a picture, from its header alone; raises DataError as `open_picture` does."""
    picture = _header(path)
    return picture.height, picture.width


def picture_mode(path: str) -> str:
    """Return Pillow's mode of a picture, from its header alone; raises DataError as `open_picture` does."""
    return _header(path).mode


def _header(path: str) -> Image.Image:
    try:
        with opened(path) as picture:
            return picture
    except REFUSED as error:
        return _open_tiff(path, error)
    except Exception as error:
        raise unreadable(path, "a picture", error) from error


def needs_tifffile(path: str) -> bool:
    """Tell whether Pillow refuses a TIFF."""
    if not path.lower().endswith(TIFF):
        return False
    try:
        with opened(path):
            return False
    except REFUSED:
        return True


def unreadable(path: str, kind: str, error: Exception) -> DataError:
    """Return the error that says why a file of that kind cannot be read."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{path}: cannot be read as {kind} ({reason}); replace or remove it", "unreadable")
