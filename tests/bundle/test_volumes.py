"""Volumes go through the same bundles as pictures: spacings are made one, predictions come back as the files are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from volumes import body_case

from monaiseg.bundle import TrainedRun
from monaiseg.cli import main

SMALL = "--arch_options {'features':(4,8)} --epochs 1 --lr 0.01 --device cpu --amp False".split()
SPACINGS = [(1, 1, 3), (2, 1, 1), (1, 1, 1.5), (1, 2, 3), (1, 1, 2)]


def only_run(folder: Path) -> Path:
    (run,) = (path.parent for path in folder.glob("runs/*/run.json"))
    return run


@pytest.fixture
def anisotropic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number, spacing in enumerate(SPACINGS):
        body_case(tmp_path / "set", f"case_{number}", spacing, seed=number)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_volumes_of_many_spacings_train_and_come_back_as_they_are(anisotropic: Path, capsys) -> None:
    assert main(["train", "unetpp", "--data_root", "set", *SMALL]) == 0
    run = only_run(anisotropic)
    settings = json.loads((run / "run.json").read_text())["settings"]
    assert settings["spacing"] == [1, 1, 2.5] and settings["image_size"] is None
    assert settings["roi_size"] == [32, 40, 16]
    assert TrainedRun(str(run)).settings("cpu").spacing == (1, 1, 2.5)
    capsys.readouterr()
    assert main(["evaluate", "--model", str(run)]) == 0
    assert "difference 0\n" in capsys.readouterr().out
    assert main(["predict", "set/imagesTr", "--model", str(run)]) == 0
    for number in range(len(SPACINGS)):
        source = nibabel.load(anisotropic / "set" / "imagesTr" / f"case_{number}.nii.gz")
        written = nibabel.load(anisotropic / "predictions" / f"case_{number}.nii.gz")
        assert written.shape == source.shape and np.array_equal(written.affine, source.affine)
        values = np.asarray(written.dataobj)
        assert values.dtype == np.uint8 and set(np.unique(values)) <= {0, 1, 2}


def test_a_volume_that_is_finer_than_all_that_were_trained_on_is_predicted_at_their_spacing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same body at half the spacing gets the same mask, twice as fine."""
    for seed in range(4):
        body_case(tmp_path / "set", f"case_{seed}", (2, 2, 2), seed=seed)
    body_case(tmp_path / "fine", "case_0", (1, 1, 1), seed=0)
    monkeypatch.chdir(tmp_path)
    options = [*SMALL, "--epochs", "12", "--lr", "0.03", "--augment", "none"]
    assert main(["train", "unetpp", "--data_root", "set", *options]) == 0
    for data in ("set", "fine"):
        files = f"{data}/imagesTr/case_0.nii.gz"
        assert main(["predict", files, "--model", str(only_run(tmp_path)), "--output_dir", data + "_masks"]) == 0
    coarse, fine = (np.asarray(nibabel.load(f"{data}_masks/case_0.nii.gz").dataobj) for data in ("set", "fine"))
    doubled = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    assert doubled.shape == fine.shape and 0.01 < (fine > 0).mean() < 0.9
    assert ((doubled > 0) == (fine > 0)).mean() > 0.95


def test_spacing_can_be_set_and_switched_off(anisotropic: Path) -> None:
    assert main(["train", "unetpp", "--data_root", "set", *SMALL, "--spacing", "[2,2,2]", "--roi_size", "16"]) == 0
    assert json.loads((only_run(anisotropic) / "run.json").read_text())["settings"]["spacing"] == [2, 2, 2]
    options = ["--spacing", "none", "--output_dir", "other/runs"]
    assert main(["train", "unetpp", "--data_root", "set", *SMALL, *options, "--roi_size", "16"]) == 0
    assert json.loads((only_run(anisotropic / "other") / "run.json").read_text())["settings"]["spacing"] is None


NARROW = {
    "unet3p": "--arch unet3p --arch_options {'features':(4,8,8),'cat_channels':4}",
    "resunetpp": "--arch resunetpp "
    "--arch_options {'features':(4,8,16),'bridge_rates':(1,1,1,2),'output_rates':(1,1,2,2)}",
    "resnet18": "--encoder resnet18 --arch_options {'encoder_options':{'widths':(8,8,16,16)}}",
}


@pytest.mark.parametrize("kind", NARROW)
def test_the_bundle_of_volumes_takes_other_networks_and_encoders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, kind: str
) -> None:
    for seed in range(4):
        body_case(tmp_path / "set", f"case_{seed}", (1, 1.25, 1), seed=seed)
    monkeypatch.chdir(tmp_path)
    options = [*NARROW[kind].split(), "--epochs", "1", "--device", "cpu", "--foreground_crops", "0.5"]
    assert main(["train", "hippocampus", "--data_root", "set", *options]) == 0
    run = only_run(tmp_path)
    facts = json.loads((run / "run.json").read_text())
    assert facts["status"] == "finished" and facts["shape"] == {"spatial_dims": 3, "in_channels": 1, "out_channels": 2}
    capsys.readouterr()
    assert main(["evaluate", "--model", str(run)]) == 0
    assert "difference 0\n" in capsys.readouterr().out
    assert main(["predict", "set/imagesTr/case_0.nii.gz", "--model", str(run)]) == 0
    assert nibabel.load("predictions/case_0.nii.gz").shape == (32, 32, 24)


def test_real_volumes_come_back_on_their_grid_with_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_data
) -> None:
    source = real_data("msd-hippocampus")
    names = [path.name for path in sorted((source / "imagesTr").glob("*.nii.gz"))[:5]]
    for sub in ("imagesTr", "labelsTr"):
        (tmp_path / "set" / sub).mkdir(parents=True)
        for name in names:
            shutil.copy(source / sub / name, tmp_path / "set" / sub / name)
    monkeypatch.chdir(tmp_path)
    options = "--arch_options {'features':(4,8)} --epochs 2 --lr 0.02 --device cpu".split()
    assert main(["train", "hippocampus", "--data_root", "set", *options]) == 0
    assert main(["predict", "set/imagesTr", "--model", str(only_run(tmp_path))]) == 0
    for name in names:
        image, written = (nibabel.load(tmp_path / folder / name) for folder in ("set/imagesTr", "predictions"))
        assert written.shape == image.shape and np.array_equal(written.affine, image.affine)
        assert np.allclose(written.header.get_zooms(), image.header.get_zooms())
        assert written.get_data_dtype() == np.uint8 and set(np.unique(np.asarray(written.dataobj))) <= {0, 1, 2}
