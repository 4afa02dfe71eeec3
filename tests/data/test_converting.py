"""Conversions: what a layout can hold comes back the same, what it cannot is refused, and nothing half is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from monaiseg.cli import main
from monaiseg.data import load_cases
from monaiseg.data.converting import TARGETS, convert_data
from monaiseg.data.finding import find_whole
from monaiseg.data.labels import read_label
from monaiseg.data.reading import read_image
from monaiseg.errors import ConfigError, DataError, OutputError

Write = Callable[..., Path]
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


def arrays(root: Path, spatial_dims: int = 2, channels: int = 3) -> Arrays:
    """Image and label of each case, as training reads them."""
    found, classes = find_whole(root)
    return {
        case["id"]: (read_image(case["image"], spatial_dims, channels), read_label(case, spatial_dims, classes)[0])
        for case in found.cases
    }


def same(first: Arrays, second: Arrays) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(a, b) for key in first for a, b in zip(first[key], second[key], strict=True)
    )


@pytest.fixture
def nuclei(tmp_path: Path) -> Path:
    """Three DSB2018 cases of two nuclei."""
    for number in range(3):
        folder = tmp_path / "dsb" / f"n{number}"
        pixels = np.random.default_rng(number).integers(0, 255, (20, 30, 4), np.uint8)
        pixels[..., 3] = 255
        masks = np.zeros((2, 20, 30), np.uint8)
        masks[0, 3:9, 4:9], masks[1, 12:17, 15 + number : 25] = 255, 255
        for sub, name, values in (("images", folder.name, pixels), ("masks", "a", masks[0]), ("masks", "b", masks[1])):
            (folder / sub).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(folder / sub / f"{name}.png")
    return tmp_path / "dsb"


@pytest.fixture
def organs(tmp_path: Path) -> Path:
    """Three volumes with two classes, as the Decathlon lays them out."""
    affine = np.diag([-1.0, 2.0, 3.0, 1.0])
    for number in range(3):
        rng = np.random.default_rng(number)
        for sub, values in (
            ("imagesTr", rng.normal(size=(8, 9, 10)).astype(np.float32)),
            ("labelsTr", rng.integers(0, 3, (8, 9, 10), np.uint8)),
        ):
            (tmp_path / "msd" / sub).mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "msd" / sub / f"v{number}.nii.gz")
    return tmp_path / "msd"


def test_there_and_back_through_all(nuclei: Path, tmp_path: Path) -> None:
    source = nuclei
    for number, to in enumerate(("dsb2018", "class_masks", "images_masks", "nnunet", "images_masks", "list")):
        convert_data(source, tmp_path / str(number), to)
        source = tmp_path / str(number)
    assert same(arrays(source), arrays(nuclei))


def test_what_comes_split_stays_split_and_trains_on_the_same(tmp_path: Path, write_pairs: Write) -> None:
    for side, count in (("train", 4), ("validation", 2)):
        write_pairs(tmp_path / "set" / side, count, suffixes=(".jpg", ".jpg"))
    for to in ("class_masks", "nnunet"):
        convert_data(tmp_path / "set", tmp_path / to, to)
        before, after = load_cases(str(tmp_path / "set")), load_cases(str(tmp_path / to))
        for side in ("train", "validation"):
            assert [case["id"] for case in getattr(before, side)] == [case["id"] for case in getattr(after, side)]
    jpegs = {path.name: path.read_bytes() for path in (tmp_path / "set" / "train" / "images").iterdir()}
    copied = {path.name: path.read_bytes() for path in (tmp_path / "class_masks" / "train" / "images").iterdir()}
    assert copied == jpegs, "pictures are copied, not encoded again"


def test_another_size_is_smooth_for_images_and_nearest_for_masks(nuclei: Path, tmp_path: Path) -> None:
    """What pytorch-nested-unet's preprocessing makes, but for its masks, which it smooths."""
    arguments = [str(nuclei), str(tmp_path / "out"), "--to", "class_masks", "--size", "10", "15", "--numbered"]
    assert main(["data", "convert", *arguments]) == 0
    assert {path.name for path in (tmp_path / "out" / "masks" / "0").iterdir()} == {"n0.png", "n1.png", "n2.png"}
    for image, label in arrays(tmp_path / "out").values():
        assert image.shape == (3, 10, 15) and label.shape == (1, 10, 15)
    assert set(np.unique(np.asarray(Image.open(tmp_path / "out/masks/0/n0.png")))) == {0, 255}
    source = np.asarray(Image.open(nuclei / "n0/images/n0.png"))
    shrunk = np.asarray(Image.open(tmp_path / "out/images/n0.png"))
    assert shrunk.std() < 0.8 * source.std(), "noise must be averaged, not sampled"


def test_a_volume_of_another_size_stays_in_its_place(organs: Path, tmp_path: Path) -> None:
    convert_data(organs, tmp_path / "half", "decathlon", (4, 9, 20))
    image = nibabel.load(tmp_path / "half/imagesTr/v0.nii.gz")
    label = nibabel.load(tmp_path / "half/labelsTr/v0.nii.gz")
    assert image.shape == label.shape == (4, 9, 20) and np.array_equal(image.affine, label.affine)
    before = np.diag([-1.0, 2.0, 3.0, 1.0])
    for corner in ((-0.5, -0.5, -0.5), (7.5, 8.5, 9.5)):  # of the first and of the last voxel
        there = [(2 * (c + 0.5) / s - 1) for c, s in zip(corner, (8, 9, 10), strict=True)]
        here = [(t + 1) / 2 * s - 0.5 for t, s in zip(there, image.shape, strict=True)]
        assert np.allclose(before @ [*corner, 1], image.affine @ [*here, 1])
    assert set(np.unique(np.asarray(label.dataobj))) == {0, 1, 2}


def test_what_a_layout_cannot_hold_is_refused_and_leaves_nothing(
    nuclei: Path, organs: Path, tmp_path: Path, write_pairs: Write
) -> None:
    out = tmp_path / "out"
    with pytest.raises(DataError, match="the Decathlon holds volumes; --to nnunet holds pictures"):
        convert_data(nuclei, out, "decathlon")
    with pytest.raises(DataError, match="does not tell instances apart; --to images_masks holds it"):
        convert_data(write_pairs(tmp_path / "pairs"), out, "dsb2018")
    with pytest.raises(ConfigError, match="a list names files as they are"):
        convert_data(nuclei, out, "list", (10, 10))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dsb", "msd", "pairs"]


def test_overlapping_classes_are_not_squeezed_into_values(tmp_path: Path, write_pairs: Write) -> None:
    write_pairs(tmp_path / "one", 2)
    (tmp_path / "set" / "masks").mkdir(parents=True)
    (tmp_path / "one" / "images").rename(tmp_path / "set" / "images")
    for name in ("a", "b"):
        (tmp_path / "set" / "masks" / name).mkdir()
        for mask in (tmp_path / "one" / "masks").iterdir():
            (tmp_path / "set" / "masks" / name / mask.name).write_bytes(mask.read_bytes())
    with pytest.raises(DataError, match="classes overlap, which values cannot tell; --to class_masks holds them"):
        convert_data(tmp_path / "set", tmp_path / "out", "images_masks")


def test_nothing_is_overwritten(nuclei: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(OutputError, match="out: is there already; choose another folder"):
        convert_data(nuclei, tmp_path / "out", "list")


def test_a_class_that_cannot_be_a_folder(organs: Path, tmp_path: Path) -> None:
    classes = {"edema/necrosis": 1, "core": 2}
    with pytest.raises(DataError, match="the class 'edema/necrosis' cannot be the name of a file"):
        convert_data(organs, tmp_path / "out", "class_masks", classes=classes)
    convert_data(organs, tmp_path / "out", "nnunet", classes=classes)
    assert load_cases(str(tmp_path / "out")).classes.names == tuple(classes)


def test_a_case_that_lacks_a_mask_of_a_class(tmp_path: Path, write_pairs: Write) -> None:
    write_pairs(tmp_path / "files", 2)
    mask = "files/masks/case_00.png"
    rows = [f"files/images/case_00.png,{mask},{mask}", "files/images/case_01.png,files/masks/case_01.png,"]
    (tmp_path / "cases.csv").write_text("\n".join(["image,label_a,label_b", *rows]))
    for to in TARGETS:
        with pytest.raises(DataError, match=r"case_01.png"):
            convert_data(tmp_path / "cases.csv", tmp_path / "out", to)


def test_nuclei_that_vanish_are_told_and_their_case_can_be_read(
    nuclei: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number, name in enumerate("ab"):
        speck = np.zeros((20, 30), np.uint8)
        speck[0, number] = 255
        Image.fromarray(speck).save(nuclei / "n1" / "masks" / f"{name}.png")
    convert_data(nuclei, tmp_path / "out", "dsb2018", (5, 6))
    assert "out: at 5x6 these vanish from labels: n1 (2 of 2 instances)" in caplog.text
    _, label = arrays(tmp_path / "out")["n1"]
    assert label.shape == (1, 5, 6) and not label.any()
    convert_data(nuclei, tmp_path / "masks", "images_masks", (5, 6))
    assert "masks: at 5x6 these vanish from labels: n1 (foreground)" in caplog.text


def test_ids_that_repeat_in_two_parts_get_the_part_in_front(
    tmp_path: Path, write_pairs: Write, caplog: pytest.LogCaptureFixture
) -> None:
    """As in Kvasir-SEG where it is passed on in `train` and `validation`."""
    for side, count in (("train", 3), ("validation", 2)):
        write_pairs(tmp_path / "set" / side, count)
    convert_data(tmp_path / "set", tmp_path / "out", "list")
    split = load_cases(str(tmp_path / "out"))
    assert [case["id"] for case in split.validation] == ["validation_case_00", "validation_case_01"]
    assert len(split.train) == 3 and "the part comes first, as in train_12" in caplog.text


def test_parts_that_folders_cannot_tell_are_said(
    tmp_path: Path, write_pairs: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write_pairs(tmp_path / "files", 2)
    rows = [f"files/images/case_0{n}.png,files/masks/case_0{n}.png,test" for n in range(2)]
    (tmp_path / "cases.csv").write_text("\n".join(["image,label,split", *rows]))
    convert_data(tmp_path / "cases.csv", tmp_path / "out", "images_masks")
    assert "folders cannot tell that all cases are for test; --to list holds that" in caplog.text


@pytest.mark.parametrize("size", [(10,), (10, 10, 10), (0, 10)])
def test_bad_sizes(nuclei: Path, tmp_path: Path, size: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="these images need 2 sides, each from 1"):
        convert_data(nuclei, tmp_path / "out", "class_masks", size)


def test_a_misspelt_target_gets_a_hint(nuclei: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="to is 'nnunt'; did you mean 'nnunet'"):
        convert_data(nuclei, tmp_path / "out", "nnunt")


def test_names_and_values_are_kept(organs: Path, tmp_path: Path) -> None:
    named = {"anterior": 1, "posterior": 2}
    convert_data(organs, tmp_path / "out", "nnunet", classes=named)
    assert json.loads((tmp_path / "out/dataset.json").read_text())["labels"] == {"background": 0, **named}
    split = load_cases(str(tmp_path / "out"))
    assert split.classes.names == ("anterior", "posterior")


def test_numbers_are_for_class_folders(nuclei: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="numbered is for folders of classes, which nnunet has none of"):
        convert_data(nuclei, tmp_path / "out", "nnunet", numbered=True)


def test_a_volume_of_one_slice_among_others_is_not_resized_as_one(organs: Path, tmp_path: Path) -> None:
    for sub in ("imagesTr", "labelsTr"):
        path = organs / sub / "v1.nii.gz"
        nibabel.save(nibabel.load(path).slicer[:, :, :1], path)
    with pytest.raises(DataError, match=r"v1.nii.gz: has 2 axes, others have 3; convert them apart"):
        convert_data(organs, tmp_path / "out", "decathlon", (8, 9, 10))


def test_one_region_keeps_what_makes_it_up(organs: Path, tmp_path: Path) -> None:
    convert_data(organs, tmp_path / "out", "images_masks", classes={"hippocampus": [1, 2]})
    values = np.asarray(nibabel.load(tmp_path / "out" / "masks" / "v0.nii.gz").dataobj)
    assert set(np.unique(values)) == {0, 1, 2}
    assert load_cases(str(tmp_path / "out")).classes.names == ("hippocampus",)


def test_grey_edges_are_told(nuclei: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in (1, 2):
        path = nuclei / f"n{number}" / "masks" / "a.png"
        mask = np.asarray(Image.open(path)).copy()
        mask[3, 4:9] = 250
        Image.fromarray(mask).save(path)
    for to in ("images_masks", "dsb2018"):
        convert_data(nuclei, tmp_path / to, to)
        assert f"{to}: masks of 2 cases had grey edges, n1 first; they are thresholded at 127" in caplog.text
