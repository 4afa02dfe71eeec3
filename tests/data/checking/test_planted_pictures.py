"""Faults planted into sets of pictures: each is told once, of the right kind and with the right file, alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from data.checking.planting import Planted, at, change_mask, cut, mask_of, picture_of, told, write_png
from PIL import Image

from monaiseg.data.checking import check_data

I, M = "train/images/3", "train/masks/3"  # noqa: E741
OTHER, HELD_OUT = "train/images/2", "validation/images/11"


def smoothed(mask: np.ndarray) -> np.ndarray:
    """Return a mask that was reduced to a tenth and enlarged again, smoothly."""
    height, width = mask.shape
    small = Image.fromarray(mask).resize((width // 10, height // 10), Image.Resampling.BILINEAR)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def halved(mask: np.ndarray) -> np.ndarray:
    """Return a mask that is 127 in its left half."""
    middle = int(np.median(np.nonzero(mask)[1]))
    return np.where(np.arange(mask.shape[1]) < middle, mask // 2, mask).astype(np.uint8)


def copy_over(root: Path, source: str, place: str) -> None:
    file = at(root, source)
    gone = at(root, place)
    gone.unlink()
    shutil.copy(file, gone.with_suffix(file.suffix))


def crop_over(root: Path, source: str, place: str) -> None:
    """Put a picture without its rim, at its size, in the place of another: the same view, other pixels."""
    with Image.open(at(root, source)) as picture:
        width, height = picture.size
        box = (width // 20, height // 20, width - width // 20, height - height // 20)
        cropped = picture.crop(box).resize(picture.size, Image.Resampling.BICUBIC)
    write_png(at(root, place), np.asarray(cropped))


def jpeg_over(root: Path, source: str, place: str) -> None:
    pixels = picture_of(at(root, source))
    at(root, place).unlink()
    Image.fromarray(pixels).save((root / place).with_suffix(".jpg"), quality=60)


def two_pages(root: Path) -> None:
    pages = [Image.fromarray(picture_of(at(root, place))) for place in (I, OTHER)]
    at(root, I).unlink()
    pages[0].save((root / I).with_suffix(".tif"), save_all=True, append_images=pages[1:])


FAULTS = {
    "a mask is missing": Planted(lambda r: at(r, M).unlink(), "error", "unpaired", I),
    "an image is missing": Planted(lambda r: at(r, I).unlink(), "warning", "unpaired", M),
    "an image is cut short": Planted(lambda r: cut(at(r, I), 0.3), "error", "unreadable", I),
    "an image is empty": Planted(lambda r: at(r, I).write_bytes(b""), "error", "unreadable", I),
    "an image is a text": Planted(lambda r: at(r, I).write_text("id,label\n"), "error", "unreadable", I),
    "a mask is cut short": Planted(lambda r: cut(at(r, M), 0.3), "error", "unreadable", M),
    "a mask is turned": Planted(lambda r: change_mask(r, M, lambda m: np.rot90(m[:-1])), "error", "size", M),
    "a mask is smaller": Planted(lambda r: change_mask(r, M, lambda m: m[::2, ::2]), "error", "size", M),
    "a mask is coloured": Planted(
        lambda r: change_mask(r, M, lambda m: np.dstack([m, 0 * m, 0 * m])), "error", "colour", M
    ),
    "a mask is partly transparent": Planted(
        lambda r: change_mask(r, M, lambda m: np.dstack([m, m, m, 255 - m // 2])), "error", "transparent", M
    ),
    "a mask has three values": Planted(lambda r: change_mask(r, M, halved), "error", "values", M),
    "a mask has classes": Planted(lambda r: change_mask(r, M, lambda m: halved(m) // 127), "error", "values", M),
    "a mask was smoothed": Planted(lambda r: change_mask(r, M, smoothed), "error", "values", M),
    "a mask is the image": Planted(lambda r: copy_over(r, I, M), "error", "colour", M),
    "a mask is empty": Planted(lambda r: change_mask(r, M, np.zeros_like), "warning", "empty", M),
    "a mask is full": Planted(lambda r: change_mask(r, M, lambda m: 0 * m + 255), "warning", "inverted", M),
    "a mask is inverted": Planted(lambda r: change_mask(r, M, lambda m: 255 - m), "warning", "inverted", M),
    "an image is black": Planted(lambda r: write_png(at(r, I), 0 * picture_of(at(r, I))), "warning", "constant", I),
    "an image is there twice": Planted(lambda r: copy_over(r, OTHER, I), "warning", "duplicate", I),
    "an image is in training too": Planted(lambda r: copy_over(r, I, HELD_OUT), "warning", "leak", HELD_OUT),
    "an image is there as a JPEG too": Planted(lambda r: jpeg_over(r, OTHER, I), "warning", "near_duplicate", I),
    "a crop of an image is in training too": Planted(
        lambda r: crop_over(r, I, HELD_OUT), "warning", "near_leak", HELD_OUT
    ),
    "two masks of one stem": Planted(
        lambda r: Image.fromarray(mask_of(at(r, M))).save((r / M).with_suffix(".bmp")), "error", "same_name", M
    ),
    "a TIFF of two pages": Planted(two_pages, "error", "frames", I),
}


def test_sound_pictures_are_clean(pairs: Path) -> None:
    assert told(check_data(pairs)) == []


@pytest.mark.parametrize("planted", FAULTS.values(), ids=FAULTS)
def test_one_fault(pairs: Path, planted: Planted) -> None:
    planted.plant(pairs)
    assert told(check_data(pairs)) == [(planted.severity, planted.kind, planted.file)]


def test_no_fault_hides_another(pairs: Path) -> None:
    at(pairs, "train/masks/0").unlink()
    cut(at(pairs, "train/images/1"), 0.3)
    change_mask(pairs, "train/masks/2", halved)
    change_mask(pairs, "train/masks/4", lambda m: m[:-2])
    change_mask(pairs, "train/masks/5", np.zeros_like)
    copy_over(pairs, "train/images/6", "validation/images/10")
    write_png(at(pairs, "train/images/7"), 0 * picture_of(at(pairs, "train/images/7")))
    assert told(check_data(pairs)) == [
        ("error", "size", "train/masks/4"),
        ("error", "unpaired", "train/images/0"),
        ("error", "unreadable", "train/images/1"),
        ("error", "values", "train/masks/2"),
        ("warning", "constant", "train/images/7"),
        ("warning", "empty", "train/masks/5"),
        ("warning", "leak", "validation/images/10"),
    ]


def test_a_fault_of_the_test_part_is_a_warning(pairs: Path) -> None:
    """Training leaves test cases alone, and is not stopped by one without mask."""
    (pairs / "validation").rename(pairs / "test")
    at(pairs, "test/masks/11").unlink()
    (pairs / "val").mkdir()
    for sub in ("images", "masks"):
        (pairs / "val" / sub).mkdir()
        file = at(pairs, f"train/{sub}/0")
        file.rename(pairs / "val" / sub / file.name)
    assert told(check_data(pairs)) == [("warning", "unpaired", "test/images/11")]


def test_a_file_with_a_colon_in_its_name_is_told_whole(pairs: Path) -> None:
    renamed = pairs / "colon: set"
    renamed.mkdir()
    for part in ("train", "validation"):
        (pairs / part).rename(renamed / part)
    cut(at(renamed, I), 0.3)
    (fault,) = check_data(renamed).faults
    assert fault.file == str(at(renamed, I)) and fault.message.startswith("cannot be read as a picture")
