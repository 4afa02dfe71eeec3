"""Pictures that readers take for something else: palettes in any order, deep colours, EXIF orientations."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pictures import COLOURS, DISC, case, png, refused
from PIL import Image

from monaiseg.data.classes import Classes, classes_beside, classes_of
from monaiseg.data.labels import label_values, read_label
from monaiseg.data.masks import read_mask
from monaiseg.data.pictures import open_picture
from monaiseg.data.reading import read_image
from monaiseg.errors import ConfigError

DEEP = np.random.default_rng(0).integers(0, 65536, (6, 4, 3), np.uint16)


def palette(folder: Path, indices: np.ndarray, colours: list[int]) -> str:
    picture = Image.fromarray(indices.astype(np.uint8))
    picture.putpalette(colours)
    picture.save(folder / "p.png")
    return str(folder / "p.png")


# Palettes


def test_the_palette_that_pillow_makes_of_two_colours(tmp_path: Path) -> None:
    colours = np.zeros((*DISC.shape, 3), np.uint8)
    colours[DISC] = (255, 0, 0)
    picture = Image.fromarray(colours).convert("P", palette=Image.Palette.ADAPTIVE, colors=2)
    assert picture.getpalette()[:3] == [255, 0, 0], "red is not first, so the test shows nothing"
    picture.save(tmp_path / "p.png")
    assert np.array_equal(read_mask(str(tmp_path / "p.png"), 2)[0], DISC)
    assert np.array_equal(label_values(str(tmp_path / "p.png"), 2), DISC)


def test_black_anywhere_is_background_of_two_colours(tmp_path: Path) -> None:
    path = palette(tmp_path, np.where(DISC, 2, 1), [9, 9, 99, 0, 0, 0, 255, 0, 0])
    assert np.array_equal(read_mask(path, 2)[0], DISC) and np.array_equal(label_values(path, 2), DISC)


def test_a_palette_whose_background_is_in_doubt_is_refused(tmp_path: Path) -> None:
    path = palette(tmp_path, np.arange(12).reshape(3, 4) % 3, [255, 0, 0, 0, 255, 0, 0, 0, 0])
    for read in (read_mask, label_values):
        refused(lambda read=read: read(path, 2), path, "has (255, 0, 0) at 0 and black at 2", "put black at 0")


@pytest.mark.parametrize("colours", [[0, 0, 0, 9, 9, 200, 0, 0, 9], [128, 64, 128, 9, 9, 200, 8, 0, 9]])
def test_a_palette_with_black_first_or_without_black_means_its_indices(tmp_path: Path, colours: list[int]) -> None:
    indices = np.arange(12).reshape(3, 4) % 3
    assert np.array_equal(label_values(palette(tmp_path, indices, colours), 2), indices)


# Depth


@pytest.mark.parametrize(
    "how",
    [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"byteorder": ">", "compression": "zlib"}],
)
def test_sixteen_bits_in_any_byte_order(tmp_path: Path, how: dict[str, str]) -> None:
    path = str(tmp_path / "a.tif")
    tifffile.imwrite(path, DEEP[..., 0], **how)
    assert open_picture(path).mode == "I;16"
    assert np.array_equal(read_image(path, 2, 1)[0], DEEP[..., 0])


@pytest.mark.parametrize(
    "how", [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"planarconfig": "separate"}, {"suffix": ".png"}]
)
def test_deep_colours_are_not_cut_to_8_bits(tmp_path: Path, how: dict[str, str]) -> None:
    path = str(tmp_path / f"a{how.pop('suffix', '.tif')}")
    if path.endswith(".png"):
        write_deep_png(path)
    else:
        pixels = np.moveaxis(DEEP, -1, 0) if "planarconfig" in how else DEEP
        tifffile.imwrite(path, pixels, photometric="rgb", **how)
    refused(lambda: read_image(path, 2, 3), path, "holds more than 8 bits a colour", "save it with 8 bits")


def write_deep_png(path: str) -> None:
    """Pillow writes no PNG of 16 bits a colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, _ = DEEP.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in DEEP)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def test_a_tiff_of_8_bits_is_read_as_it_is(tmp_path: Path) -> None:
    for number, how in enumerate(({}, {"planarconfig": "separate"}, {"compression": "zlib"})):
        path = str(tmp_path / f"{number}.tif")
        pixels = np.moveaxis(COLOURS, -1, 0) if "planarconfig" in how else COLOURS
        tifffile.imwrite(path, pixels, photometric="rgb", **how)
        assert np.array_equal(read_image(path, 2, 3), COLOURS.transpose(2, 0, 1))


# Orientation


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_picture_that_is_to_be_turned_is_refused(tmp_path: Path, suffix: str, orientation: int) -> None:
    picture = Image.fromarray(COLOURS)
    exif = picture.getexif()
    exif[0x112] = orientation
    path = str(tmp_path / f"a{suffix}")
    picture.save(path, exif=exif)
    if orientation == 1:
        assert read_image(path, 2, 3).shape == (3, 6, 4)
    else:
        refused(lambda: read_image(path, 2, 3), path, f"by its EXIF orientation {orientation}", "mogrify -auto-orient")


# Background


def test_a_background_of_another_colour_than_black(tmp_path: Path) -> None:
    pixels = np.full((*DISC.shape, 3), 255, np.uint8)
    pixels[DISC] = (255, 0, 0)
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nbackground,255,255,255\npolyp,255,0,0\n")
    classes = classes_beside(tmp_path)
    assert classes is not None and classes.names == ("polyp",) and classes.background == (255, 255, 255)
    assert Classes.from_record(classes.record()) == classes
    path = png(tmp_path, pixels)
    assert np.array_equal(read_label(case(path), 2, classes)[0][0], DISC)
    pixels[0, 0] = 0
    refused(lambda: read_label(case(png(tmp_path, pixels)), 2, classes), path, "(0, 0, 0), which no class has")


@pytest.mark.parametrize("table", [{}, {"background": 0}, {"background": [0, 0, 0]}])
def test_the_background_is_black_where_nothing_else_is_said(table: dict[str, object]) -> None:
    assert classes_of(table | {"polyp": [255, 0, 0]}, "classes").background == (0, 0, 0)
    if not table:
        assert classes_of({"void": [0, 0, 0], "polyp": [255, 0, 0]}, "classes").names == ("void", "polyp")


@pytest.mark.parametrize("background", [7, [255, 0, 0], [1, 2]])
def test_a_background_without_a_colour_of_its_own_is_refused(background: object) -> None:
    with pytest.raises(ConfigError, match="has no colour of its own for the background"):
        classes_of({"background": background, "polyp": [255, 0, 0]}, "classes")
