"""Public data sets as they are distributed: each is recognised by its folders alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from pictures import COLOURS, DISC, case, png
from PIL import Image

from monaiseg.data import find_cases, find_data, image_shape, list_cases, load_cases
from monaiseg.data.labels import read_label
from monaiseg.data.reading import read_image
from monaiseg.errors import DataError

MASK = (255 * DISC).astype(np.uint8)


def pair(root: Path, image: str, mask: str) -> None:
    """A coloured picture and a mask of one size, whatever their format."""
    for name, pixels in ((image, np.dstack([MASK] * 3)), (mask, MASK)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / name)


def volume(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)


def found(root: Path) -> list[tuple[str, str, str]]:
    """Each case as id, image and mask, with paths from the root."""
    return [
        (case["id"], *(str(Path(str(path)).relative_to(root)) for path in (case["image"], case["label"][0])))
        for case in list_cases(root)[1]
    ]


def test_cvc_clinicdb(tmp_path: Path) -> None:
    pair(tmp_path, "Original/7.tif", "Ground Truth/7.tif")
    assert found(tmp_path) == [("7", "Original/7.tif", "Ground Truth/7.tif")]


def test_of_tif_and_png_of_the_same_frames_one_is_taken_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2, 3):
        for kind in ("TIF", "PNG")[: 2 if number < 3 else 1]:
            pair(tmp_path, f"{kind}/Original/{number}.{kind.lower()}", f"{kind}/Ground Truth/{number}.{kind.lower()}")
    with caplog.at_level(logging.WARNING, logger="monaiseg"):
        assert [name for name, _, _ in found(tmp_path)] == ["1", "2", "3"]
    assert caplog.messages == [
        f"{tmp_path}: the cases are in TIF",
        f"{tmp_path}: PNG and TIF hold the same cases; the latter is taken",
    ]
    pair(tmp_path, "PNG/Original/3.png", "PNG/Ground Truth/3.png")
    assert find_data(tmp_path).root.name == "PNG", "of as many, those that every reader reads"


def test_etis_larib_masks_begin_with_p(tmp_path: Path) -> None:
    pair(tmp_path, "ETIS-LaribPolypDB/12.tif", "Ground Truth/p12.tif")
    pair(tmp_path, "ETIS-LaribPolypDB/3.tif", "Ground Truth/p3.tif")
    assert found(tmp_path) == [
        ("12", "ETIS-LaribPolypDB/12.tif", "Ground Truth/p12.tif"),
        ("3", "ETIS-LaribPolypDB/3.tif", "Ground Truth/p3.tif"),
    ]


def test_colondb_has_images_and_masks_in_one_folder(tmp_path: Path) -> None:
    for number in (1, 2):
        pair(tmp_path, f"CVC-ColonDB/{number}.tiff", f"CVC-ColonDB/p{number}.tiff")
    assert found(tmp_path) == [(str(n), f"CVC-ColonDB/{n}.tiff", f"CVC-ColonDB/p{n}.tiff") for n in (1, 2)]


def test_busi_has_further_masks_of_one_picture(tmp_path: Path) -> None:
    folder = tmp_path / "benign"
    pair(folder, "benign (1).png", "benign (1)_mask.png")
    pair(folder, "benign (2).png", "benign (2)_mask.png")
    for number in (1, 2):
        second = np.zeros_like(MASK)
        second[number] = 255
        Image.fromarray(second).save(folder / f"benign (2)_mask_{number}.png")
    Image.fromarray(MASK).save(folder / "benign (3)_mask.png")
    pair(tmp_path / "normal", "normal (1).png", "normal (1)_mask.png")
    found_in = find_data(tmp_path)
    assert [case["id"] for case in found_in.cases] == [f"benign-benign ({n})" for n in (1, 2)] + ["normal-normal (1)"]
    assert [len(label) for case in found_in.cases for label in case["label"] if isinstance(label, list)] == [3]
    assert found_in.orphans == [str(folder / "benign (3)_mask.png")] and not found_in.faults
    split = load_cases(str(tmp_path))
    (several,) = [case for case in split.train + split.validation if isinstance(case["label"][0], list)]
    label = read_label(several, 2, split.classes)[0][0]
    assert label[1:3].all() and np.array_equal(label[3:], MASK[3:] > 0)


def test_further_masks_in_a_folder_of_their_own(tmp_path: Path) -> None:
    for name in ("a.png", "a_1.png"):
        pair(tmp_path, f"images/{name}", f"masks/{name.replace('.png', '_mask.png')}")
    Image.fromarray(MASK).save(tmp_path / "masks/a_mask_1.png")
    labels = [case["label"][0] for case in list_cases(tmp_path)[1]]
    assert labels == [
        [str(tmp_path / f"masks/a_mask{n}.png") for n in ("", "_1")],
        str(tmp_path / "masks/a_1_mask.png"),
    ]


def test_kvasir_with_its_boxes_lying_there(tmp_path: Path) -> None:
    pair(tmp_path, "images/a.jpg", "masks/a.jpg")
    (tmp_path / "kavsir_bboxes.json").write_text(json.dumps({"a": {"height": 40, "width": 30, "bbox": []}}))
    assert list_cases(tmp_path)[0] == "images_masks"


def test_isic_masks_end_in_segmentation(tmp_path: Path) -> None:
    pair(tmp_path, "images/ISIC_1.jpg", "masks/ISIC_1_segmentation.png")
    assert found(tmp_path) == [("ISIC_1", "images/ISIC_1.jpg", "masks/ISIC_1_segmentation.png")]


def test_pranet_trains_on_the_one_and_leaves_the_other_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        pair(tmp_path, f"TrainDataset/image/{number}.png", f"TrainDataset/mask/{number}.png")
    for name in ("CVC-300", "Kvasir"):
        pair(tmp_path, f"TestDataset/{name}/images/1.png", f"TestDataset/{name}/masks/1.png")
    split = load_cases(str(tmp_path))
    assert (len(split.train), len(split.validation)) == (4, 1)
    assert "2 test cases left alone" in capsys.readouterr().out
    tests = find_data(tmp_path / "TestDataset").cases
    assert [case["id"] for case in tests] == ["CVC-300-1", "Kvasir-1"]


def test_decathlon_without_its_json_finds_the_classes_in_the_labels(tmp_path: Path) -> None:
    for number, most in enumerate((1, 2, 2)):
        volume(tmp_path / f"imagesTr/h_{number}.nii.gz", np.ones((4, 5, 6), np.float32))
        labels = np.arange(120).reshape(4, 5, 6) % (most + 1)
        volume(tmp_path / f"labelsTr/h_{number}.nii.gz", labels.astype(np.float32))
    (tmp_path / "imagesTr" / "._h_0.nii.gz").write_bytes(b"left by a Mac")
    split = load_cases(str(tmp_path))
    assert split.layout == "decathlon" and split.classes.names == ("1", "2") and split.classes.kind == "values"


def test_decathlon_with_its_json_takes_the_names(tmp_path: Path) -> None:
    for number in range(2):
        volume(tmp_path / f"imagesTr/h_{number}.nii.gz", np.ones((4, 5, 6), np.float32))
        volume(tmp_path / f"labelsTr/h_{number}.nii.gz", np.zeros((4, 5, 6), np.uint8))
    labels = {"0": "background", "1": "Anterior", "2": "Posterior"}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels, "training": []}))
    split = load_cases(str(tmp_path))
    assert str(split.classes) == "Anterior = 1, Posterior = 2"


def nnunet(root: Path, cases: int = 2, channels: int = 2) -> None:
    for number in range(cases):
        for channel in range(channels):
            volume(root / f"imagesTr/b_{number}_{channel:04d}.nii.gz", np.full((4, 5, 6), channel + 1.0))
        volume(root / f"labelsTr/b_{number}.nii.gz", np.zeros((4, 5, 6), np.uint8))
    labels = {"background": 0, "whole tumour": [1, 2, 3], "core": [2, 3]}
    (root / "dataset.json").write_text(json.dumps({"labels": labels, "file_ending": ".nii.gz"}))


def test_nnunet_has_a_file_a_channel_and_regions(tmp_path: Path) -> None:
    nnunet(tmp_path)
    split = load_cases(str(tmp_path))
    assert split.layout == "nnunet" and str(split.classes) == "whole tumour = 1+2+3, core = 2+3"
    image = read_image(split.train[0]["image"], 3, 2)
    assert image.shape == (2, 4, 5, 6) and (image[0] == 1).all() and (image[1] == 2).all()


def test_nnunet_images_to_predict_are_put_together(tmp_path: Path) -> None:
    nnunet(tmp_path)
    cases = find_cases(tmp_path / "imagesTr", 2)
    assert [case["id"] for case in cases] == ["b_0", "b_1"]
    assert [Path(file).name for file in cases[0]["image"]] == ["b_0_0000.nii.gz", "b_0_0001.nii.gz"]
    (tmp_path / "imagesTr/b_1_0001.nii.gz").unlink()
    with pytest.raises(DataError, match="b_1 has 1 image files; the network takes 2"):
        find_cases(tmp_path / "imagesTr", 2)


def test_a_channel_that_one_case_lacks_is_named(tmp_path: Path) -> None:
    nnunet(tmp_path)
    (tmp_path / "imagesTr/b_1_0001.nii.gz").unlink()
    with pytest.raises(DataError, match=r"b_1_0000.nii.gz: the case has no channel 0001, as others have"):
        load_cases(str(tmp_path))


def test_a_set_one_folder_deeper_is_found_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pair(tmp_path, "deep/er/images/a.png", "deep/er/masks/a.png")
    with caplog.at_level(logging.WARNING, logger="monaiseg"):
        assert [name for name, _, _ in found(tmp_path)] == ["a"]
    assert caplog.messages == [f"{tmp_path}: the cases are in deep/er"]


def test_a_tiff_that_pillow_refuses(tmp_path: Path) -> None:
    path = tmp_path / "frame.tif"
    tifffile.imwrite(path, COLOURS, photometric="minisblack", planarconfig="contig")
    with pytest.raises(OSError, match="cannot identify image file"):
        Image.open(path)
    assert np.array_equal(read_image(str(path), 2, 3), COLOURS.transpose(2, 0, 1))
    tifffile.imwrite(path, np.moveaxis(COLOURS, -1, 0), photometric="minisblack", planarconfig="separate")
    assert np.array_equal(read_image(str(path), 2, 3), COLOURS.transpose(2, 0, 1))


def test_pictures_have_the_size_their_header_says(tmp_path: Path) -> None:
    assert image_shape(case(image=png(tmp_path, COLOURS))) == (3, (6, 4))


@pytest.mark.parametrize("name", ["cvc-clinicdb/TIF", "cvc-clinicdb/PNG"])
def test_real_cvc(real_data: Callable[[str], Path], name: str) -> None:
    root = real_data(name)
    layout, cases = list_cases(root)
    assert layout == "images_masks" and len(cases) == len(list((root / "Original").iterdir()))


def test_real_cvc_tiffs_are_their_pngs(real_data: Callable[[str], Path]) -> None:
    root = real_data("cvc-clinicdb")
    for frame in list_cases(root / "TIF")[1]:
        png_image = root / "PNG" / "Original" / f"{frame['id']}.png"
        assert np.array_equal(read_image(frame["image"], 2, 3), read_image(str(png_image), 2, 3))
    assert find_data(root).root.name == "PNG"


def test_real_hippocampus(real_data: Callable[[str], Path]) -> None:
    split = load_cases(str(real_data("msd-hippocampus")))
    assert (len(split.train) + len(split.validation), split.layout) == (195, "decathlon")
    assert split.classes.names == ("1", "2")


@pytest.mark.parametrize("labels", [[], ["a"], 3, {"a": {}}, {"0": "background", "9" * 5000: "a"}, {"a\n": 1}])
def test_labels_of_the_decathlon_that_are_none(labels: object, tmp_path: Path) -> None:
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
    with pytest.raises(DataError) as raised:
        find_data(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path / 'dataset.json'}: ") and str(raised.value).isprintable()
