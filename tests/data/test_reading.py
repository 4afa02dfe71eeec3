"""Reading: every kind of image file gives the array it shows, and what is not as it should be is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import COLOURS, DISC, GREYS, case, nifti, png, refused
from PIL import Image

from monaiseg.data import Case
from monaiseg.data.labels import read_label
from monaiseg.data.masks import read_mask
from monaiseg.data.reading import check_fit, read_image


def test_rows_and_columns_are_those_of_numpy(tmp_path: Path) -> None:
    image = read_image(png(tmp_path, COLOURS), 2, 3)
    assert image.shape == (3, 6, 4) and image.dtype == np.uint8 and image.flags.c_contiguous
    assert np.array_equal(image, COLOURS.transpose(2, 0, 1))


def test_alpha_is_dropped_unless_four_channels_are_asked_for(tmp_path: Path) -> None:
    rgba = np.dstack([COLOURS, GREYS])
    assert np.array_equal(read_image(png(tmp_path, rgba), 2, 3), COLOURS.transpose(2, 0, 1))
    assert np.array_equal(read_image(png(tmp_path, rgba), 2, 4), rgba.transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_pictures_of_every_mode(tmp_path: Path, mode: str, channels: int) -> None:
    image = read_image(png(tmp_path, GREYS, mode), 2, channels)
    assert image.dtype == np.uint8 and image.flags.writeable and image.flags.c_contiguous
    assert np.array_equal(image, np.broadcast_to(GREYS, (channels, 6, 4)))


def test_palette_indices_are_looked_up(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    picture.putpalette([255, 0, 0, 0, 255, 0, 9, 9, 9])
    picture.save(tmp_path / "p.png")
    assert Image.open(tmp_path / "p.png").mode == "P"
    image = read_image(str(tmp_path / "p.png"), 2, 3)
    assert image[:, 0].T.tolist() == [[255, 0, 0], [0, 255, 0], [9, 9, 9]]


def test_one_bit_and_sixteen_bits(tmp_path: Path) -> None:
    assert np.array_equal(read_image(png(tmp_path, DISC), 2, 1)[0], 255 * DISC)
    deep = np.array([[0, 300, 65535], [1, 2, 3]], np.uint16)
    for channels in (1, 3):
        image = read_image(png(tmp_path, deep), 2, channels)
        assert image.dtype == np.float32 and np.array_equal(image, np.broadcast_to(deep, (channels, 2, 3)))


def test_colours_become_grey_for_one_channel(tmp_path: Path) -> None:
    image = read_image(png(tmp_path, COLOURS), 2, 1)
    assert image.shape == (1, 6, 4)
    assert np.abs(image[0] - COLOURS @ [0.299, 0.587, 0.114]).max() <= 1


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 5, 2)])
def test_volumes_keep_their_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    image = read_image(nifti(tmp_path, values), 3, 2 if len(shape) == 4 else 1)
    assert image.dtype == np.float32
    assert np.array_equal(image, np.moveaxis(values.reshape(3, 4, 5, -1), -1, 0))


@pytest.mark.parametrize(("channels", "has"), [(2, 1), (4, 1), (5, 1)])
def test_wrong_channels(tmp_path: Path, channels: int, has: int) -> None:
    path = png(tmp_path, GREYS)
    refused(lambda: read_image(path, 2, channels), path, f"has {has} channels; set --in_channels {has}")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_where_a_volume_is_due_names_spatial_dims(tmp_path: Path, channels: int) -> None:
    path = png(tmp_path, COLOURS)
    refused(lambda: read_image(path, 3, channels), path, "2 dimensions, not 3", "--spatial_dims 2")


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 5, 2)])
def test_a_volume_where_a_picture_is_due_names_spatial_dims(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = nifti(tmp_path, np.ones(shape, np.float32))
    refused(lambda: read_image(path, 2, 1), path, "--spatial_dims")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(tmp_path: Path, bad: float) -> None:
    values = np.ones((3, 4, 5), np.float32)
    values[1, 2, 3] = bad
    path = nifti(tmp_path, values)
    refused(lambda: read_image(path, 3, 1), path, "not finite")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 48), np.uint8)
    cut, renamed = tmp_path / "cut.png", tmp_path / "renamed.png"
    cut.write_bytes(Path(png(tmp_path, noise)).read_bytes()[:2000])
    renamed.write_text("id,label\n1,2\n")
    broken, short = tmp_path / "broken.nii.gz", tmp_path / "short.nii.gz"
    broken.write_bytes(b"not gzip at all")
    volume = np.random.default_rng(0).normal(size=(9, 9, 9)).astype(np.float32)
    short.write_bytes(Path(nifti(tmp_path, volume)).read_bytes()[:1500])
    for path, dims, kind in (
        (cut, 2, "a picture"),
        (renamed, 2, "a picture"),
        (broken, 3, "NIfTI"),
        (short, 3, "NIfTI"),
    ):
        for call in (lambda p=path, d=dims: read_image(str(p), d, 1), lambda p=path, d=dims: read_mask(str(p), d)):
            refused(call, str(path), f"cannot be read as {kind} (", "replace or remove it")
    gone = str(tmp_path / "gone.png")
    refused(lambda: read_image(gone, 2, 1), gone, "No such file")


def test_a_mask_of_another_size_names_both(tmp_path: Path) -> None:
    path = png(tmp_path, np.zeros((4, 6), np.uint8))
    label, _ = read_label(case(path), 2)
    parts = ("mask is 4x6, its image image.png is 6x4", "make them equal")
    refused(lambda: check_fit(case(path, image="x/image.png"), GREYS[None], label), path, *parts)
    nucleus = Case(image="x/image.png", label=[[path]], id="a", group=None)
    refused(lambda: check_fit(nucleus, GREYS[None], label), path, *parts)


def test_masks_of_one_case_with_two_sizes(tmp_path: Path) -> None:
    large, small = (png(tmp_path, np.zeros(size, np.uint8), name=f"{size[0]}.png") for size in ((6, 4), (5, 4)))
    refused(lambda: read_label(case(large, small), 2), small, "is 5x4, the first class's mask is 6x4")
    merged = Case(image="", label=[[large, small]], id="a", group=None)
    refused(lambda: read_label(merged, 2), small, "is 5x4, the case's other masks are 6x4")
