"""Masks: what is foreground is never guessed; grey edges are thresholded, everything else that is grey is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pictures import COLOURS, DISC, Pixels, case, nifti, png, refused
from PIL import Image

from monaiseg.data import Case, ReadCase
from monaiseg.data.labels import read_label
from monaiseg.data.masks import EDGE, read_mask
from monaiseg.errors import DataError

# Masks that are right


@given(
    arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12)),
    st.sampled_from(["L", "RGB", "RGBA", "LA", "P", "1"]),
)
def test_any_binary_mask_comes_back(tmp_path_factory: pytest.TempPathFactory, mask: Pixels, mode: str) -> None:
    path = png(tmp_path_factory.getbasetemp(), np.where(mask, 255, 0).astype(np.uint8), mode, "any.png")
    read, had_edges = read_mask(path, 2)
    assert np.array_equal(read, mask) and not had_edges


@pytest.mark.parametrize("high", [1, 2, 100, 128, 254, 255])
def test_two_values_with_zero(tmp_path: Path, high: int) -> None:
    read, had_edges = read_mask(png(tmp_path, (high * DISC).astype(np.uint8)), 2)
    assert np.array_equal(read, DISC) and not had_edges


@pytest.mark.parametrize("value", [0, 255])
def test_masks_of_one_value(tmp_path: Path, value: int) -> None:
    read, had_edges = read_mask(png(tmp_path, np.full((6, 4), value, np.uint8)), 2)
    assert (read == value // 255).all() and not had_edges


def test_deep_and_volume_masks(tmp_path: Path) -> None:
    assert np.array_equal(read_mask(png(tmp_path, (65535 * DISC).astype(np.uint16)), 2)[0], DISC)
    solid = np.random.default_rng(0).random((3, 4, 5)) > 0.5
    for dtype in (np.uint8, np.float32, np.int16):
        assert np.array_equal(read_mask(nifti(tmp_path, solid.astype(dtype)), 3)[0], solid)


@pytest.mark.parametrize("palette", [[0, 0, 0, 255, 255, 255], [255, 255, 255, 0, 0, 0]])
def test_a_grey_palette_means_its_colours_in_either_order(tmp_path: Path, palette: list[int]) -> None:
    picture = Image.fromarray((DISC if palette[0] == 0 else ~DISC).astype(np.uint8))
    picture.putpalette(palette)
    picture.save(tmp_path / "p.png")
    assert np.array_equal(read_mask(str(tmp_path / "p.png"), 2)[0], DISC)


@pytest.mark.parametrize("palette", [[0, 0, 0, 128, 0, 0], [255, 255, 255, 255, 0, 0], [0, 0, 0, 0, 0, 0]])
def test_another_palette_means_its_indices(tmp_path: Path, palette: list[int]) -> None:
    picture = Image.fromarray(DISC.astype(np.uint8))
    picture.putpalette(palette)
    picture.save(tmp_path / "p.png")
    assert np.array_equal(read_mask(str(tmp_path / "p.png"), 2)[0], DISC)


def test_a_cmyk_mask_means_what_it_shows(tmp_path: Path) -> None:
    Image.fromarray((255 * DISC).astype(np.uint8)).convert("CMYK").save(tmp_path / "a.tif")
    assert np.array_equal(read_mask(str(tmp_path / "a.tif"), 2)[0], DISC)


def test_jpeg_edges_are_thresholded_in_the_middle(tmp_path: Path) -> None:
    path = str(tmp_path / "a.jpg")
    Image.fromarray((255 * DISC).astype(np.uint8)).save(path, quality=95)
    stored = np.asarray(Image.open(path))
    assert (stored > 0).sum() > 1.1 * DISC.sum(), "the picture has no grey edges, so the test shows nothing"
    read, had_edges = read_mask(path, 2)
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
        read, had_edges = read_mask(str(file), 2)
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
    refused(
        lambda: read_mask(path, 2), path, f"not two-valued ({shown}", "write 0 for background and 255 for foreground"
    )


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
        read, had_edges = read_mask(path, 2)
    except DataError:
        assert not two_valued and (not near or 1 in levels)
        return
    assert two_valued or near
    assert np.array_equal(read, values > (0 if two_valued else 127))
    assert had_edges == (not two_valued and not set(levels) <= {0, 255})


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colour_masks(tmp_path: Path, mode: str) -> None:
    path = png(tmp_path, COLOURS, mode)
    refused(lambda: read_mask(path, 2), path, "is a colour picture, not a two-valued mask; write one mask a class")


@pytest.mark.parametrize("grey", [0, 255])
def test_a_mask_that_lies_in_the_alpha_channel_is_refused(tmp_path: Path, grey: int) -> None:
    path = png(tmp_path, np.dstack([np.full(DISC.shape, grey, np.uint8)] * 3 + [(255 * DISC).astype(np.uint8)]))
    refused(lambda: read_mask(path, 2), path, "partly transparent; write it without an alpha channel")


def test_a_volume_with_several_label_channels_is_refused(tmp_path: Path) -> None:
    one_hot = np.stack([np.zeros((3, 4, 5)), np.ones((3, 4, 5))], axis=-1).astype(np.uint8)
    path = nifti(tmp_path, one_hot)
    refused(lambda: read_mask(path, 3), path, "write one mask a class")


@pytest.mark.parametrize(("shape", "dims"), [((3, 4, 5), 2), ((4, 4), 3), ((3, 4, 5, 1, 2), 3)])
def test_masks_of_other_dimensions(tmp_path: Path, shape: tuple[int, ...], dims: int) -> None:
    path = nifti(tmp_path, np.resize(np.array([0, 1], np.uint8), shape))
    refused(lambda: read_mask(path, dims), path)


def test_the_colour_that_is_named_is_one_and_no_grey(tmp_path: Path) -> None:
    pixels = np.full((40, 40, 3), 255, np.uint8)
    pixels[0, :2], pixels[1, :3] = (200, 0, 0), (0, 90, 0)
    path = png(tmp_path, pixels)
    refused(lambda: read_mask(path, 2), path, "is a colour picture", "{'name': [0, 90, 0]}")
