"""Another size, for every kind of image: smooth, in its own type and place; labels keep their values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import conversion_sets as sets
import numpy as np
import pytest

from monaiseg.data.converting import TARGETS, convert_data
from monaiseg.data.finding import find_whole
from monaiseg.data.labels import read_label
from monaiseg.data.pictures import open_picture
from monaiseg.data.reading import image_shape, read_image
from monaiseg.data.volumes import volume_geometry

FLAT, DEEP = (10, 15), (3, 14, 9)
KINDS = [
    (sets.two_valued, FLAT),
    (sets.grey_pictures, FLAT),
    (sets.alpha_pictures, FLAT),
    (sets.deep_pictures, FLAT),
    (sets.float_pictures, FLAT),
    (sets.colours, FLAT),
    (sets.values_with_gaps, FLAT),
    (sets.several_pictures, FLAT),
    (sets.one_slice, FLAT),
    (sets.nifti_plain, DEEP),
    (sets.four_axes, DEEP),
    (sets.several_volumes, DEEP),
    (sets.regions, DEEP),
]


KINDS_AND_TARGETS = [
    (make, size, to)
    for make, size in KINDS
    for to in ("images_masks", "nnunet")
    if (make, to) != (sets.several_pictures, "images_masks")  # which does not hold them
]


@pytest.mark.parametrize(("make", "size", "to"), KINDS_AND_TARGETS, ids=lambda value: getattr(value, "__name__", None))
def test_every_kind_at_another_size(make: Any, size: tuple[int, ...], to: str, tmp_path: Path) -> None:
    make(tmp_path / "source")
    convert_data(tmp_path / "source", tmp_path / "out", to, size)
    before, classes = find_whole(tmp_path / "source")
    after, named = find_whole(tmp_path / "out")
    assert set(named.names) == set(classes.names)
    for old, new in zip(before.cases, after.cases, strict=True):
        channels, shape = image_shape(new)
        assert shape == size and channels == image_shape(old)[0]
        source, resized = (read_image(c["image"], len(size), channels).astype(float) for c in (old, new))
        assert abs(resized.mean() - source.mean()) < 0.1 * source.std(), "the same range"
        label = read_label(new, len(size), named)[0]
        assert label.shape == (len(named), *size) and label.any()


def test_deep_pictures_keep_their_bits(tmp_path: Path) -> None:
    for make, mode, kind in ((sets.deep_pictures, "I;16", "u"), (sets.float_pictures, "F", "f")):
        make(tmp_path / make.__name__)
        convert_data(tmp_path / make.__name__, tmp_path / mode, "images_masks", FLAT)
        (file,) = (tmp_path / mode / "images").glob("c0.*")
        picture = open_picture(str(file))
        assert picture.mode == mode and np.asarray(picture).dtype.kind == kind and np.asarray(picture).max() > 255


def test_a_volume_of_one_slice_keeps_it(tmp_path: Path) -> None:
    sets.one_slice(tmp_path / "source")
    for size, shape in ((None, (20, 30, 1)), (FLAT, (10, 15, 1))):
        convert_data(tmp_path / "source", tmp_path / str(size), "images_masks", size)
        image, mask = (volume_geometry(str(tmp_path / str(size) / sub / "c0.nii.gz")) for sub in ("images", "masks"))
        assert image.shape == mask.shape == shape and np.array_equal(image.affine, mask.affine)


@pytest.mark.parametrize(
    ("name", "layout"),
    [("kvasir-seg/train", "images_masks"), ("dsb2018/stage1_train", "dsb2018"), ("msd-hippocampus", "decathlon")],
)
def test_a_few_real_cases(name: str, layout: str, real_data: Any, tmp_path: Path) -> None:
    found, classes = find_whole(real_data(name))
    assert found.layout == layout
    rows = [
        f"{case['id']},{case['image']},{';'.join(label if isinstance(label, list) else [label])}"
        for case in found.cases[:3]
        for label in case["label"]
    ]
    source = tmp_path / "some.csv"
    source.write_text("\n".join(["id,image,label", *rows]))
    spatial, channels = (3, 1) if layout == "decathlon" else (2, 3)
    targets = {"dsb2018": set(TARGETS) - {"decathlon"}, "decathlon": set(TARGETS) - {"dsb2018"}}
    for to in targets.get(layout, set(TARGETS) - {"decathlon", "dsb2018"}):
        convert_data(source, tmp_path / to, to)
        after, named = find_whole(tmp_path / to)
        for old, new in zip(found.cases[:3], after.cases, strict=True):
            images = (read_image(case["image"], spatial, channels) for case in (old, new))
            assert old["id"] == new["id"] and np.array_equal(*images)
            masks = read_label(old, spatial, classes)[0], read_label(new, spatial, named)[0]
            assert np.array_equal(*masks)
