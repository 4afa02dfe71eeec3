"""Volumes go through the same bundles as pictures: spacings are made one, predictions come back as the files are."""

from __future__ import annotations

import json
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
    assert settings["roi_size"] == [32, 48, 16]
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


def test_spacing_can_be_set_and_switched_off(anisotropic: Path) -> None:
    assert main(["train", "unetpp", "--data_root", "set", *SMALL, "--spacing", "[2,2,2]", "--roi_size", "16"]) == 0
    assert json.loads((only_run(anisotropic) / "run.json").read_text())["settings"]["spacing"] == [2, 2, 2]
    options = ["--spacing", "none", "--output_dir", "other/runs"]
    assert main(["train", "unetpp", "--data_root", "set", *SMALL, *options, "--roi_size", "16"]) == 0
    assert json.loads((only_run(anisotropic / "other") / "run.json").read_text())["settings"]["spacing"] is None
