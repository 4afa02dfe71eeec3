"""Layouts: folders as people have them become cases, paired by name, and what is wrong with one is named."""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from layouts import touch
from PIL import Image

from monaiseg.data import find_data, list_cases, load_cases
from monaiseg.data.cases import stem
from monaiseg.data.labels import read_label
from monaiseg.data.reading import read_image
from monaiseg.errors import ConfigError, DataError

Write = Callable[..., Path]


def names(root: Path, layout: str = "auto") -> list[tuple[str, str, list[str]]]:
    """Each case as (id, image, labels), with paths from the root."""
    return [
        (
            case["id"],
            str(Path(case["image"]).relative_to(root)),
            [str(Path(label).relative_to(root)) for label in case["label"] if isinstance(label, str)],
        )
        for case in list_cases(root, layout)[1]
    ]


def write_dsb(root: Path, name: str, mode: str) -> Path:
    """One DSB2018 case of 6x4 pixels with three nuclei; its picture is grey whatever the mode."""
    for sub in ("images", "masks"):
        (root / name / sub).mkdir(parents=True)
    grey = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(6, 4))
    grey.convert(mode).save(root / name / "images" / f"{name}.png")
    for nucleus in range(3):
        mask = np.zeros((6, 4), np.uint8)
        mask[2 * nucleus, nucleus : nucleus + 2] = 255
        Image.fromarray(mask).save(root / name / "masks" / f"{nucleus}.png")
    return root


def test_dsb2018_merges_instances_and_modes_give_one_array(tmp_path: Path) -> None:
    for mode in ("RGBA", "RGB", "L"):
        write_dsb(tmp_path, mode, mode)
    layout, cases = list_cases(tmp_path)
    assert layout == "dsb2018"
    assert [case["id"] for case in cases] == ["L", "RGB", "RGBA"]
    expected = np.zeros((1, 6, 4), np.uint8)
    expected[0, [0, 0, 2, 2, 4, 4], [0, 1, 1, 2, 2, 3]] = 1
    for case in cases:
        for channels in (1, 3):
            image = read_image(case["image"], 2, channels)
            assert np.array_equal(image, np.broadcast_to(np.arange(24).reshape(6, 4), (channels, 6, 4)))
        assert np.array_equal(read_label(case, 2)[0], expected)


def test_pairs_by_stem_never_by_order(tmp_path: Path) -> None:
    """Sorted side by side, these folders would pair a.jpg with B.png: every suffix and every position differs."""
    touch(tmp_path, "images/a.jpg", "images/b.png", "images/c.tif", "masks/b.bmp", "masks/c.PNG", "masks/a.png")
    touch(tmp_path, "masks/0.png", "images/.hidden.png", "images/notes.txt")
    assert list_cases(tmp_path)[0] == "images_masks"
    assert names(tmp_path) == [
        ("a", "images/a.jpg", ["masks/a.png"]),
        ("b", "images/b.png", ["masks/b.bmp"]),
        ("c", "images/c.tif", ["masks/c.PNG"]),
    ]


def test_masks_without_image_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "masks/b.png", "masks/c.png")
    with caplog.at_level(logging.WARNING, logger="monaiseg"):
        assert len(names(tmp_path)) == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'masks'}: masks without image are left out, 2 of them, b first"
    ]


@pytest.mark.parametrize("folders", [("images", "labels"), ("imgs", "masks"), ("Image", "Mask")])
def test_other_names_of_the_folders(tmp_path: Path, folders: tuple[str, str]) -> None:
    touch(tmp_path, *(f"{folder}/a.png" for folder in folders))
    assert names(tmp_path) == [("a", f"{folders[0]}/a.png", [f"{folders[1]}/a.png"])]


@pytest.mark.parametrize(
    ("classes", "channels"),
    [
        ([str(n) for n in range(10, -1, -1)], [str(n) for n in range(11)]),
        (["zone", "artery", "bone"], ["artery", "bone", "zone"]),
        (["class10", "class9", "background"], ["background", "class9", "class10"]),
        (["1_zone", "2_bone", "10_artery"], ["1_zone", "2_bone", "10_artery"]),
    ],
)
def test_class_masks_are_channels_in_natural_order(tmp_path: Path, classes: list[str], channels: list[str]) -> None:
    touch(tmp_path, "images/a.png", *(f"masks/{name}/a.png" for name in classes))
    assert list_cases(tmp_path)[0] == "class_masks"
    assert names(tmp_path) == [("a", "images/a.png", [f"masks/{name}/a.png" for name in channels])]


def test_nifti_pairs_have_the_stem_before_nii_gz(tmp_path: Path) -> None:
    for sub in ("images", "masks"):
        (tmp_path / sub).mkdir()
        volume = nibabel.Nifti1Image(np.ones((3, 4, 5), np.uint8), np.eye(4))
        nibabel.save(volume, tmp_path / sub / f"scan.1.nii{'.gz' if sub == 'images' else ''}")
    assert names(tmp_path) == [("scan.1", "images/scan.1.nii.gz", ["masks/scan.1.nii"])]


@pytest.mark.parametrize(
    ("name", "expected"), [("a.nii.gz", "a"), ("a.b.png", "a.b"), ("a.NII.GZ", "a"), ("a.gz", "a.gz"), (".png", "")]
)
def test_stem(name: str, expected: str) -> None:
    assert stem(Path(name)) == expected


@pytest.mark.parametrize("sides", [("train", "validation"), ("train", "val"), ("Training", "valid")])
def test_a_folder_that_comes_split_ignores_the_fold_and_says_so(
    tmp_path: Path, write_pairs: Write, capsys: pytest.CaptureFixture[str], sides: tuple[str, str]
) -> None:
    for side, count in zip(sides, (3, 2), strict=True):
        write_pairs(tmp_path / side, count)
    split = load_cases(str(tmp_path), fold=3)
    assert (len(split.train), len(split.validation), split.layout) == (3, 2, "images_masks")
    assert all(Path(case["image"]).is_relative_to(tmp_path / sides[0]) for case in split.train)
    assert all(Path(case["image"]).is_relative_to(tmp_path / sides[1]) for case in split.validation)
    assert "split as it comes (train, validation); fold ignored" in capsys.readouterr().out


def test_a_layout_that_is_given_is_taken(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png")
    assert names(tmp_path, "images_masks") == names(tmp_path)
    with pytest.raises(DataError, match="holds 0 images"):
        list_cases(tmp_path, "dsb2018")
    with pytest.raises(DataError, match=re.escape("masks: no class folders in it")):
        list_cases(tmp_path, "class_masks")


@pytest.mark.parametrize(("layout", "hint"), [("image_masks", "'images_masks'"), ("dsb", "dsb2018"), (3, "auto")])
def test_a_misspelt_layout_gets_a_hint(tmp_path: Path, layout: str, hint: str) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png")
    with pytest.raises(ConfigError, match=f"layout is {layout!r}.*{hint}"):
        list_cases(tmp_path, layout)


@pytest.mark.parametrize(
    ("files", "named", "mend"),
    [
        ([], "", "the folder is empty; expected one of: imagesTr"),
        (["readme.txt"], "", "no known layout; expected one of: imagesTr"),
        (["images/.x", "masks/.x"], "", "no images in it; expected images/<stem>"),
        (["images/a.png", "masks/b.png"], "images/a.png", "no mask a.* in {root}/masks; add it or remove the image"),
        (["images/a.png", "masks/0/a.png", "masks/1/b.png"], "images/a.png", "no mask a.* in {root}/masks/1; add it"),
        (["images/a.png", "images/a.jpg", "masks/a.png"], "images/a.png", "a.jpg has the same stem; keep one"),
        (["images/a.png", "masks/a.png", "masks/a.bmp"], "masks/a.png", "a.bmp has the same stem; keep one"),
        (["id/images/id.png"], "id/images/id.png", "no mask in {root}/id/masks; add one or remove the case"),
        (["id/images/id.png", "id/images/2.png"], "id/images", "holds 2 images; a DSB2018 case has exactly one"),
    ],
)
def test_what_is_wrong_is_named_with_its_mend(tmp_path: Path, files: list[str], named: str, mend: str) -> None:
    root = touch(tmp_path / "set", *files)
    with pytest.raises(DataError) as raised:
        list_cases(root)
    assert str(raised.value).startswith(f"{root / named}: ")
    assert mend.format(root=root) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_masks_beside_an_older_folder_of_them(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "masks/old/a.png", "images/raw/a.png")
    assert names(tmp_path) == [("a", "images/a.png", ["masks/a.png"])]
    assert find_data(tmp_path).notes == [
        f"{tmp_path}/images: raw in it not looked at, because images lie beside",
        f"{tmp_path}/masks: old in it not looked at, because masks lie beside",
    ]


def test_a_stray_mask_beside_class_folders_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/x/a.png", "masks/overview.png")
    found = find_data(tmp_path)
    assert found.layout == "class_masks" and found.orphans == [str(tmp_path / "masks/overview.png")]


@pytest.mark.parametrize("layout", ["decathlon", "nnunet"])
def test_a_volume_layout_that_is_forced_on_another_folder(tmp_path: Path, layout: str) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png")
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: no folders imagesTr and labelsTr in it")):
        find_data(tmp_path, layout)


def test_every_mask_without_image_is_kept_for_the_check(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "masks/b.png", "masks/c.png")
    assert find_data(tmp_path).orphans == [str(tmp_path / "masks" / name) for name in ("b.png", "c.png")]
    volumes = touch(tmp_path / "v", "imagesTr/a.nii.gz", "labelsTr/a.nii.gz", "labelsTr/b.nii.gz")
    assert find_data(volumes).orphans == [str(volumes / "labelsTr/b.nii.gz")]


def test_accents_composed_or_apart_are_one_name(tmp_path: Path) -> None:
    apart, composed = (unicodedata.normalize(form, "polyp\u00e9") for form in ("NFD", "NFC"))
    touch(tmp_path, f"images/{apart}.png", f"masks/{composed}.png")
    assert names(tmp_path) == [(composed, f"images/{apart}.png", [f"masks/{composed}.png"])]


@pytest.mark.parametrize("folder", ["images", "masks", "id/images", "id/masks"])
def test_names_that_are_not_utf8_are_faults(tmp_path: Path, folder: str) -> None:
    where = folder.removesuffix("images").removesuffix("masks")
    touch(tmp_path, f"{where}images/id.png", f"{where}masks/id.png" if not where else "id/masks/0.png")
    if folder == "id/images":
        (tmp_path / "id/images/id.png").unlink()
        touch(tmp_path, "x/images/x.png", "x/masks/0.png")
    (tmp_path / folder / os.fsdecode(b"caf\xe9.png")).touch()
    (fault,) = find_data(tmp_path).faults
    assert fault.kind == "name"
    assert str(fault).startswith(f"{tmp_path / folder}/caf\\xe9.png: its name is not valid UTF-8; rename it")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(f"data_root {tmp_path / 'gone'}: no such folder; give an existing")):
        load_cases(str(tmp_path / "gone"))


def test_no_such_folder_to_find_data_in(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / 'gone'}: no such folder; give an existing one")):
        find_data(tmp_path / "gone", "nnunet")


def test_real_dsb2018(real_data: Callable[[str], Path]) -> None:
    root = real_data("dsb2018/stage1_train")
    layout, cases = list_cases(root)
    assert layout == "dsb2018" and len(cases) == len(list(root.iterdir()))
    case = cases[0]
    merged = np.any([np.asarray(Image.open(file)) > 127 for file in (root / case["id"] / "masks").iterdir()], axis=0)
    assert np.array_equal(read_label(case, 2)[0][0], merged)


def test_real_kvasir_comes_split(real_data: Callable[[str], Path]) -> None:
    root = real_data("kvasir-seg")
    split = load_cases(str(root))
    assert split.layout == "images_masks"
    for side, cases in (("train", split.train), ("validation", split.validation)):
        assert {Path(case["image"]) for case in cases} == set((root / side / "images").iterdir())
        assert all(Path(case["image"]).stem == Path(str(case["label"][0])).stem for case in cases)
