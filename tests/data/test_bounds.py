"""A small file that declares or holds far more than it should is refused before the memory is full."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from pictures import refused
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from monaiseg.data import image_shape
from monaiseg.data.bounds import MOST, check_held, most_bytes
from monaiseg.data.cases import Case
from monaiseg.data.pictures import open_picture
from monaiseg.data.volumes import read_volume, volume_geometry

BYTES = np.zeros((4, 4, 4), np.uint8)


def nifti_of(shape: tuple[int, ...], kind: str = "u1", offset: int = 544) -> bytes:
    """The beginning of a NIfTI that declares this shape."""
    header = nibabel.Nifti2Header()
    header.set_data_dtype(kind)
    header.set_data_shape(shape)
    header["vox_offset"] = offset
    header["magic"] = b"n+2\0\r\n\x1a\n"
    return bytes(header.binaryblock) + bytes(64)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (nifti_of((30_000,) * 3), "declares 30000x30000x30000 values"),
        (nifti_of((1024, 1024, 1024)), "declares 1024x1024x1024 values"),
        (nifti_of((4, 4, 4), offset=2**40), "declares 4x4x4 values"),
        (nifti_of((4, 0, 4)), "is of size 4x0x4, without any value"),
    ],
    ids=["far too large", "too large", "far behind", "empty"],
)
def test_nifti_that_declares_too_much(suffix: str, content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(content) if suffix == ".nii.gz" else content)
    refused(lambda: volume_geometry(str(path)), str(path), told)
    refused(lambda: read_volume(str(path)), str(path), told)


def test_a_volume_of_a_large_ct_is_let_pass(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(nifti_of((512, 512, 1000), "i2")))
    assert volume_geometry(str(path)).shape == (512, 512, 1000)


def test_without_compression_any_size_is_let_pass(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    with path.open("wb") as file:
        file.truncate(30 * 2**20)  # without blocks on the disk
    assert most_bytes(path) > MOST
    check_held(str(path), (30, 2**20), 8)


@pytest.mark.parametrize("encoding", ["gzip", "bzip2"])
def test_nrrd_that_inflates_without_end(encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nrrd = pytest.importorskip("nrrd")
    monkeypatch.setattr("monaiseg.data._nrrd.most_bytes", lambda path: 100)
    path = tmp_path / "a.nrrd"
    nrrd.write(str(path), BYTES, {"encoding": encoding})
    assert np.array_equal(read_volume(str(path)), BYTES)
    nrrd.write(str(path), np.zeros(101, np.uint8), {"encoding": encoding})
    content = path.read_bytes().replace(b"sizes: 101", b"sizes: 100")
    path.write_bytes(content)
    refused(lambda: read_volume(str(path)), str(path), "inflates to over 100 bytes")


@pytest.mark.parametrize("line", ["data file: ../secret.raw", "datafile: /etc/hostname", "line skip: 999999999999"])
def test_nrrd_reads_no_other_file_and_skips_no_lines(line: str, tmp_path: Path) -> None:
    nrrd = pytest.importorskip("nrrd")
    path = tmp_path / "set" / "a.nrrd"
    path.parent.mkdir()
    nrrd.write(str(path), BYTES, {"encoding": "raw"})
    (tmp_path / "secret.raw").write_bytes(BYTES.tobytes())
    path.write_bytes(path.read_bytes().replace(b"encoding: raw", b"encoding: raw\n" + line.encode()))
    for read in (volume_geometry, read_volume):
        refused(lambda read=read: read(str(path)), str(path), f"has a {line.partition(':')[0]}", "as one plain file")


def png_of(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_pictures_of_too_many_pixels_are_told_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_of(30_000, 30_000))
    for read in (open_picture, lambda name: image_shape(Case(image=name, label=[], id="a", group=None))):
        refused(lambda read=read: read(str(path)), str(path), "more pixels", "cut it into tiles, or save it as TIFF")


def test_a_png_of_more_pixels_than_its_bytes_can_hold(tmp_path: Path) -> None:
    """Pillow decodes it without a word, black but for what is there."""
    path = tmp_path / "a.png"
    path.write_bytes(png_of(8, 9_830_408))
    refused(lambda: open_picture(str(path)), str(path), "declares 8x9830408 pixels, for which its")
    Image.new("1", (4096, 4096)).save(path)
    assert open_picture(str(path)).size == (4096, 4096)


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_a_tiff_without_some_of_its_rows_is_not_black_there(tmp_path: Path, planes: str) -> None:
    path, pixels = tmp_path / "a.tif", np.full((16, 8, 3), 9, np.uint8)
    stored = pixels if planes == "contig" else np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planes, rowsperstrip=8)
    assert (np.asarray(open_picture(str(path))) == 9).all()
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        places = [tags[name].offset for name in ("StripOffsets", "StripByteCounts")]
    content = bytearray(path.read_bytes())
    for place in places:  # the last strip is no longer listed
        count = int.from_bytes(content[place + 4 : place + 8], "little")
        content[place + 4 : place + 8] = (count - 1).to_bytes(4, "little")
    path.write_bytes(content)
    refused(lambda: open_picture(str(path)), str(path), "declares 8x16 pixels, and holds")


def test_slides_are_read_as_tiff_without_compression(tmp_path: Path) -> None:
    path, side = tmp_path / "a.tif", 13_400  # a little more than Pillow decodes
    tifffile.imwrite(path, shape=(side, side), dtype=np.uint8)
    assert open_picture(str(path)).size == (side, side)


def test_a_tiff_that_declares_too_much(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8))
    content = bytearray(path.read_bytes())
    for tag in (256, 257):
        at = content.index(struct.pack("<HHI", tag, 4 if struct.pack("<HHI", tag, 4, 1) in content else 3, 1))
        content[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 100_000)
    path.write_bytes(content)
    refused(lambda: open_picture(str(path)), str(path), "100000x100000 values")


def test_a_tiff_of_more_strips_than_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8), rowsperstrip=8)
    content = bytearray(path.read_bytes())
    at = content.index(struct.pack("<HH", 257, 4))
    content[at : at + 12] = struct.pack("<HHII", 257, 4, 1, 2**23)
    content[content.index(struct.pack("<HH", 259, 3)) + 8] = 77  # a compression that Pillow does not know
    path.write_bytes(content)
    refused(lambda: open_picture(str(path)), str(path), "it declares more strips than it has bytes")


def test_a_comment_that_inflates_without_end(tmp_path: Path) -> None:
    comments = PngInfo()
    comments.add_text("Comment", "a" * 100_000_000, zip=True)
    Image.new("L", (8, 8)).save(tmp_path / "a.png", pnginfo=comments)
    assert (tmp_path / "a.png").stat().st_size < 200_000
    refused(lambda: open_picture(str(tmp_path / "a.png")), str(tmp_path / "a.png"), "cannot be read as a picture")


def test_a_picture_of_another_format_is_not_opened(tmp_path: Path) -> None:
    """Of EPS Pillow starts Ghostscript, whatever the file is called."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "EPS")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    refused(lambda: open_picture(str(tmp_path / "a.png")), str(tmp_path / "a.png"), "cannot identify image file")
