"""Damaged pictures, as images and as masks, end well or in one line."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fuzzing.guarding import fuzz
from fuzzing.mutations import Random, damaged
from fuzzing.sets import sets_of, uses_of
from PIL import Image
from PIL.PngImagePlugin import PngInfo

GREY = np.where(np.hypot(*np.mgrid[-4:4, -4:4]) < 3, 255, 0).astype(np.uint8)
COLOUR = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)


def encoded(format: str, mode: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pixels = GREY if mode in ("1", "L") else COLOUR
    Image.fromarray(pixels).convert(mode).save(buffer, format, **options)
    return buffer.getvalue()


def tiff(pixels: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def commented() -> PngInfo:
    comments = PngInfo()
    comments.add_text("Comment", "a" * 50, zip=True)
    comments.add_itxt("Title", "é")
    return comments


EXIF = Image.Exif()
EXIF[0x112] = 1

SEEDS = {
    ".png": [
        *(encoded("PNG", mode) for mode in ("1", "L", "P", "RGB", "RGBA", "LA")),
        encoded("PNG", "RGB", pnginfo=commented(), exif=EXIF),
    ],
    ".jpg": [encoded("JPEG", mode, exif=EXIF, quality=95) for mode in ("L", "RGB")]
    + [encoded("JPEG", "RGB", progressive=True)],
    ".bmp": [encoded("BMP", mode) for mode in ("1", "L", "P", "RGB")],
    ".tif": [
        *(encoded("TIFF", "RGB", compression=how) for how in ("raw", "tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
        *(encoded("TIFF", mode) for mode in ("1", "L", "P")),
        *(tiff(GREY.astype(kind)) for kind in (np.uint16, np.float32)),
        tiff(COLOUR, photometric="minisblack", planarconfig="contig"),
        tiff(np.moveaxis(COLOUR, -1, 0), photometric="rgb", planarconfig="separate", compression="zlib"),
    ],
}


def with_sums(content: bytes) -> bytes:
    """Return a PNG whose chunks have the checksums of what is in them: else nothing behind these is reached."""
    out, at = bytearray(content[:8]), 8
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        body = content[at + 4 : at + 8 + size]
        out += content[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + size
    return bytes(out + content[at:])


def damaged_png(random: Random, seeds: Sequence[bytes]) -> bytes:
    content = damaged(random, seeds)
    return content if random.random() < 0.3 else with_sums(content)


@pytest.mark.parametrize("suffix", SEEDS)
def test_damaged_pictures(suffix: str, tmp_path: Path) -> None:
    file = sets_of(tmp_path, f"a{suffix}", ("a.png", encoded("PNG", "RGB")), ("a.png", encoded("PNG", "L")))
    change = damaged_png if suffix == ".png" else damaged
    fuzz(suffix, file, SEEDS[suffix], change, uses_of(tmp_path, {"polyp": 255}), tmp_path)
