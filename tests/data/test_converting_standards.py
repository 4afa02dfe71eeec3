"""What is written is as the layouts' own programs read it: nnU-Net's dataset_format.md, MONAI's Decathlon reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import conversion_sets as sets
import nibabel
import numpy as np
import pytest
from monai.data import load_decathlon_datalist
from skimage import io

from monaiseg.data.converting import convert_data
from monaiseg.errors import DataError


def facts_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "dataset.json").read_text())
    return facts


def read(path: Path) -> np.ndarray:
    """`[C, *spatial]`, as nnU-Net's readers have it."""
    if path.suffix == ".gz":
        return np.asarray(nibabel.load(path).dataobj)[None]
    values = io.imread(path)
    return np.moveaxis(values, -1, 0) if values.ndim == 3 else values[None]


PICTURES = [
    (sets.two_valued, ".png", ["R", "G", "B"]),
    (sets.alpha_pictures, ".png", ["R", "G", "B"]),
    (sets.nuclei, ".png", ["R", "G", "B"]),
    (sets.values_with_gaps, ".png", ["R", "G", "B"]),
    (sets.grey_pictures, ".png", ["channel0"]),
    (sets.deep_pictures, ".png", ["channel0"]),
    (sets.float_pictures, ".tif", ["channel0"]),
    (sets.several_pictures, ".png", ["channel0", "channel1"]),
    (sets.nifti_plain, ".nii.gz", ["channel0"]),
    (sets.nrrd_volumes, ".nii.gz", ["channel0"]),
    (sets.four_axes, ".nii.gz", ["channel0", "channel1", "channel2"]),
    (sets.several_volumes, ".nii.gz", ["CT", "PET"]),
    (sets.regions, ".nii.gz", ["channel0"]),
]


@pytest.mark.parametrize(("make", "ending", "channels"), PICTURES, ids=lambda value: getattr(value, "__name__", ""))
def test_nnunet_can_read_it(make: Any, ending: str, channels: list[str], tmp_path: Path) -> None:
    if make is sets.nrrd_volumes:
        pytest.importorskip("nrrd")
    make(tmp_path / "source")
    convert_data(tmp_path / "source", tmp_path / "out", "nnunet")
    facts = facts_of(tmp_path / "out")
    assert facts["file_ending"] == ending and list(facts["channel_names"].values()) == channels
    files = [path.name for path in (tmp_path / "out").rglob("*.*") if path.name != "dataset.json"]
    assert all(name.endswith(ending) for name in files) and facts["numTraining"] == sets.CASES
    values = {0}
    for name in ("c0", "c1", "c2"):
        images = [read(path) for path in sorted((tmp_path / "out/imagesTr").glob(f"{name}_*"))]
        label = read(tmp_path / "out/labelsTr" / f"{name}{ending}")
        assert {image.shape[1:] for image in images} == {label.shape[1:]} and len(label) == 1
        assert sum(map(len, images)) == len(channels)
        values |= set(np.unique(label).tolist())
    named = np.unique(np.concatenate([np.atleast_1d(value) for value in facts["labels"].values()])).tolist()
    assert named == list(range(len(named))), "from 0 without a gap"
    assert values == set(named)


def test_regions_are_drawn_larger_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As LabelManager.convert_probabilities_to_segmentation does: in order, each over the ones before."""
    sets.regions(tmp_path / "source")
    convert_data(tmp_path / "source", tmp_path / "out", "nnunet")
    facts = facts_of(tmp_path / "out")
    assert facts["labels"] == {"background": 0, "whole": [1, 2, 3], "core": [2, 3]}
    assert facts["regions_class_order"] == [1, 2]
    assert "core = 2+4, whole = 1+2+4 becomes whole = 1+2+3, core = 2+3" in caplog.text


@pytest.mark.parametrize("make", [sets.nifti_plain, sets.four_axes, sets.several_volumes])
def test_monai_finds_the_files_of_a_decathlon(make: Any, tmp_path: Path) -> None:
    make(tmp_path / "source")
    convert_data(tmp_path / "source", tmp_path / "out", "decathlon")
    cases = load_decathlon_datalist(tmp_path / "out" / "dataset.json", is_segmentation=True, data_list_key="training")
    facts = facts_of(tmp_path / "out")
    assert len(cases) == sets.CASES == facts["numTraining"]
    for case in cases:
        image, label = nibabel.load(case["image"]), nibabel.load(case["label"])
        assert np.array_equal(image.affine, sets.AFFINE) and np.array_equal(label.affine, sets.AFFINE)
        channels = image.shape[3] if image.ndim == 4 else 1
        assert image.shape[:3] == label.shape and len(facts["modality"]) == channels
    assert facts["labels"] == {"0": "background", "1": "head", "2": "tail"}


def test_files_that_fit_are_copied(tmp_path: Path) -> None:
    sets.nifti(tmp_path / "source")
    convert_data(tmp_path / "source", tmp_path / "out", "nnunet")
    original = (tmp_path / "source/images/c0.nii.gz").read_bytes()
    assert (tmp_path / "out/imagesTr/c0_0000.nii.gz").read_bytes() == original


def test_pictures_of_two_kinds_are_no_nnunet_set(tmp_path: Path) -> None:
    sets.two_valued(tmp_path / "source")
    sets.save(tmp_path / "source/images/d.tif", sets.pixels(0, *sets.FLAT).astype(np.uint16))
    sets.save(tmp_path / "source/masks/d.png", sets.boxes(0, sets.FLAT, (255,)))
    with pytest.raises(DataError, match=r"d.tif: is grey of more than 8 bits, others are RGB"):
        convert_data(tmp_path / "source", tmp_path / "out", "nnunet")


def test_a_label_that_lies_elsewhere_is_not_moved(tmp_path: Path) -> None:
    sets.nifti(tmp_path / "source")
    path = tmp_path / "source/masks/c1.nii.gz"
    turned = np.asarray(nibabel.load(path).dataobj)[::-1]
    nibabel.save(nibabel.Nifti1Image(turned, np.diag([-1, 1, 1, 1]) @ sets.AFFINE), path)
    with pytest.raises(DataError, match=r"c1.nii.gz: points to RAS, its image to LAS; write both in one orientation"):
        convert_data(tmp_path / "source", tmp_path / "out", "decathlon")
