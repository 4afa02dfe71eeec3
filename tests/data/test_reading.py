"""Reading: every kind of file gives the array it shows, and what is not as it should be is named."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from monaiseg.data import Case, ReadCase
from monaiseg.data.reading import EDGE, check_sizes, read_image, read_label
from monaiseg.errors import DataError

Pixels = npt.NDArray[Any]
GREYS = np.arange(0, 240, 10, dtype=np.uint8).reshape(6, 4)
COLOURS = np.random.default_rng(0).integers(0, 256, (6, 4, 3), np.uint8)
DISC = np.hypot(*np.mgrid[-20:20, -15:15]) < 11


def png(folder: Path, pixels: Pixels, mode: str | None = None, name: str = "a.png") -> str:
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(folder / name)
    return str(folder / name)


def nifti(folder: Path, values: Pixels, name: str = "a.nii.gz") -> str:
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / name)
    return str(folder / name)


def case(*labels: str, image: str = "image.png") -> Case:
    return Case(image=image, label=list(labels), id="a", group=None)


def read_mask(path: str, spatial_dims: int = 2) -> tuple[Pixels, bool]:
    label, had_edges = read_label(case(path), spatial_dims)
    assert label.dtype == np.uint8 and label.shape[0] == 1
    return label[0], had_edges


def refused(call: Callable[[], object], path: str, *parts: str) -> None:
    """The error starts with the file, says `parts` and is one line."""
    with pytest.raises(DataError) as raised:
        call()
    message = str(raised.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    for part in parts:
        assert part in message


# Images


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


# Masks that are right


@given(
    arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12)),
    st.sampled_from(["L", "RGB", "RGBA", "LA", "P", "1"]),
)
def test_any_binary_mask_comes_back(tmp_path_factory: pytest.TempPathFactory, mask: Pixels, mode: str) -> None:
    path = png(tmp_path_factory.getbasetemp(), np.where(mask, 255, 0).astype(np.uint8), mode, "any.png")
    read, had_edges = read_mask(path)
    assert np.array_equal(read, mask) and not had_edges


@pytest.mark.parametrize("high", [1, 2, 100, 128, 254, 255])
def test_two_values_with_zero(tmp_path: Path, high: int) -> None:
    read, had_edges = read_mask(png(tmp_path, (high * DISC).astype(np.uint8)))
    assert np.array_equal(read, DISC) and not had_edges


@pytest.mark.parametrize("value", [0, 255])
def test_masks_of_one_value(tmp_path: Path, value: int) -> None:
    read, had_edges = read_mask(png(tmp_path, np.full((6, 4), value, np.uint8)))
    assert (read == value // 255).all() and not had_edges


def test_deep_and_volume_masks(tmp_path: Path) -> None:
    assert np.array_equal(read_mask(png(tmp_path, (65535 * DISC).astype(np.uint16)))[0], DISC)
    solid = np.random.default_rng(0).random((3, 4, 5)) > 0.5
    for dtype in (np.uint8, np.float32, np.int16):
        assert np.array_equal(read_mask(nifti(tmp_path, solid.astype(dtype)), 3)[0], solid)


@pytest.mark.parametrize("palette", [[0, 0, 0, 255, 255, 255], [255, 255, 255, 0, 0, 0]])
def test_a_grey_palette_means_its_colours_in_either_order(tmp_path: Path, palette: list[int]) -> None:
    picture = Image.fromarray((DISC if palette[0] == 0 else ~DISC).astype(np.uint8))
    picture.putpalette(palette)
    picture.save(tmp_path / "p.png")
    assert np.array_equal(read_mask(str(tmp_path / "p.png"))[0], DISC)


@pytest.mark.parametrize("palette", [[0, 0, 0, 128, 0, 0], [255, 255, 255, 255, 0, 0], [0, 0, 0, 0, 0, 0]])
def test_another_palette_means_its_indices(tmp_path: Path, palette: list[int]) -> None:
    picture = Image.fromarray(DISC.astype(np.uint8))
    picture.putpalette(palette)
    picture.save(tmp_path / "p.png")
    assert np.array_equal(read_mask(str(tmp_path / "p.png"))[0], DISC)


def test_a_cmyk_mask_means_what_it_shows(tmp_path: Path) -> None:
    Image.fromarray((255 * DISC).astype(np.uint8)).convert("CMYK").save(tmp_path / "a.tif")
    assert np.array_equal(read_mask(str(tmp_path / "a.tif"))[0], DISC)


def test_jpeg_edges_are_thresholded_in_the_middle(tmp_path: Path) -> None:
    path = str(tmp_path / "a.jpg")
    Image.fromarray((255 * DISC).astype(np.uint8)).save(path, quality=95)
    stored = np.asarray(Image.open(path))
    assert (stored > 0).sum() > 1.1 * DISC.sum(), "the picture has no grey edges, so the test shows nothing"
    read, had_edges = read_mask(path)
    assert had_edges and np.array_equal(read, DISC)


def test_edges_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray((255 * DISC).astype(np.uint8)).save(tmp_path / "a.jpg", quality=95)
    image, read = png(tmp_path, (9 * DISC).astype(np.uint8), name="image.png"), ReadCase(2, 1, 1)
    with caplog.at_level(logging.WARNING, logger="monaiseg"):
        for _ in range(3):
            assert np.array_equal(read(case(str(tmp_path / "a.jpg"), image=image))["label"][0], DISC)
    assert [record.getMessage() for record in caplog.records] == [
        f"{image}: mask has grey edges; such masks are thresholded at 127 (told once)"
    ]


def test_classes_are_channels_and_lists_are_merged(tmp_path: Path) -> None:
    parts = [np.zeros((6, 4), np.uint8) for _ in range(3)]
    paths = []
    for n, part in enumerate(parts):
        part[n] = 255
        paths.append(png(tmp_path, part, name=f"{n}.png"))
    label, _ = read_label(Case(image="", label=[paths[2], [paths[0], paths[1]]], id="a", group=None), 2)
    assert np.array_equal(label, [parts[2] // 255, (parts[0] | parts[1]) // 255])


def test_real_kvasir_masks(real_data: Callable[[str], Path]) -> None:
    edges = 0
    for file in sorted((real_data("kvasir-seg") / "validation" / "masks").iterdir())[:20]:
        stored = np.asarray(Image.open(file).convert("L"))
        read, had_edges = read_mask(str(file))
        assert np.array_equal(read, stored > 127)
        edges += had_edges and bool((stored > 0).sum() > read.sum())
    assert edges == 20


# Masks that are wrong


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0, 128, 255], "0, 128, 255"),
        ([0, 1, 2], "0, 1, 2"),
        ([0, 1, 255], "0, 1, 255"),  # a class and 255 for "ignore": a threshold at 127 would swap the two
        ([0, 1, 2, 3, 255], "0, 1, 2, 3, 255"),
        ([0, EDGE + 1, 255], "0, 65, 255"),
        ([0, 255 - EDGE - 1, 255], "0, 190, 255"),
        ([1, 2], "1, 2"),
        ([10, 60], "10, 60"),
    ],
)
def test_masks_that_are_not_two_valued(tmp_path: Path, values: list[int], shown: str) -> None:
    path = png(tmp_path, np.resize(np.array(values, np.uint8), (6, 5)))
    refused(lambda: read_mask(path), path, f"not two-valued ({shown}", "write 0 for background and 255 for foreground")


@pytest.mark.parametrize("values", [[0, 1, 2], [-1, 0], [0, np.nan], [0, 300, 600]])
def test_volumes_that_are_not_two_valued(tmp_path: Path, values: list[float]) -> None:
    path = nifti(tmp_path, np.resize(np.array(values, np.float32), (3, 4, 5)))
    refused(lambda: read_mask(path, 3), path, "not two-valued")


@given(st.lists(st.integers(0, 255) | st.sampled_from([0, 1, 255]), min_size=1, max_size=5, unique=True))
def test_never_a_wrong_threshold(tmp_path_factory: pytest.TempPathFactory, levels: list[int]) -> None:
    """A mask is read only if its values leave no doubt: two with 0, or all of them near 0 and 255."""
    values = np.array([levels], np.uint8)
    path = png(tmp_path_factory.getbasetemp(), values, name="levels.png")
    two_valued = levels in ([0], [1]) or (len(levels) == 2 and 0 in levels)
    near = max(levels) >= 255 - EDGE and all(v <= EDGE or v >= 255 - EDGE for v in levels)
    try:
        read, had_edges = read_mask(path)
    except DataError:
        assert not two_valued and (not near or 1 in levels)
        return
    assert two_valued or near
    assert np.array_equal(read, values > (0 if two_valued else 127))
    assert had_edges == (not two_valued and not set(levels) <= {0, 255})


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colour_masks(tmp_path: Path, mode: str) -> None:
    path = png(tmp_path, COLOURS, mode)
    refused(lambda: read_mask(path), path, "is a colour picture, not a two-valued mask; write one mask a class")


@pytest.mark.parametrize("grey", [0, 255])
def test_a_mask_that_lies_in_the_alpha_channel_is_refused(tmp_path: Path, grey: int) -> None:
    path = png(tmp_path, np.dstack([np.full(DISC.shape, grey, np.uint8)] * 3 + [(255 * DISC).astype(np.uint8)]))
    refused(lambda: read_mask(path), path, "partly transparent; write it without an alpha channel")


def test_a_volume_with_several_label_channels_is_refused(tmp_path: Path) -> None:
    one_hot = np.stack([np.zeros((3, 4, 5)), np.ones((3, 4, 5))], axis=-1).astype(np.uint8)
    path = nifti(tmp_path, one_hot)
    refused(lambda: read_mask(path, 3), path, "write one mask a class")


@pytest.mark.parametrize(("shape", "dims"), [((3, 4, 5), 2), ((4, 4), 3), ((3, 4, 5, 1, 2), 3)])
def test_masks_of_other_dimensions(tmp_path: Path, shape: tuple[int, ...], dims: int) -> None:
    path = nifti(tmp_path, np.resize(np.array([0, 1], np.uint8), shape))
    refused(lambda: read_mask(path, dims), path)


def test_a_mask_of_another_size_names_both(tmp_path: Path) -> None:
    path = png(tmp_path, np.zeros((4, 6), np.uint8))
    label, _ = read_label(case(path), 2)
    parts = ("mask is 4x6, its image image.png is 6x4", "make them equal")
    refused(lambda: check_sizes(case(path, image="x/image.png"), GREYS[None], label), path, *parts)
    nucleus = Case(image="x/image.png", label=[[path]], id="a", group=None)
    refused(lambda: check_sizes(nucleus, GREYS[None], label), path, *parts)


def test_masks_of_one_case_with_two_sizes(tmp_path: Path) -> None:
    large, small = (png(tmp_path, np.zeros(size, np.uint8), name=f"{size[0]}.png") for size in ((6, 4), (5, 4)))
    refused(lambda: read_label(case(large, small), 2), small, "is 5x4, the first class's mask is 6x4")
    merged = Case(image="", label=[[large, small]], id="a", group=None)
    refused(lambda: read_label(merged, 2), small, "is 5x4, the case's other masks are 6x4")
