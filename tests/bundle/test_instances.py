"""A run learns to tell objects apart, is tuned, and predicts them; through the bundle, on pictures and volumes."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pictures import nifti, png
from PIL import Image
from touching import balls

from monaiseg.bundle import TrainedRun
from monaiseg.cli import main
from monaiseg.data import CaseDataset, Classes, evaluation_steps
from monaiseg.data.labels import read_instances
from monaiseg.instances import InstancePlan

SMALL = "--arch_options {'features':(4,8)} --epochs 1 --roi_size 32 --batch_size 2 --device cpu --amp False".split()
CHANNELS = ["--instances", "['border','distance']"]


def write_discs(folder: Path, count: int) -> Path:
    """Pictures with three discs that touch, and masks that number them."""
    for sub in ("images", "masks"):
        (folder / sub).mkdir(parents=True)
    for number in range(count):
        ids = balls((48, 40), *(((12 + 11 * k, 15 + (number + 5 * k) % 9), 6) for k in range(3)))
        noise = np.random.default_rng(number).integers(0, 60, (48, 40, 3))
        png(folder / "images", (noise + 150 * (ids > 0)[..., None]).astype(np.uint8), name=f"d{number}.png")
        png(folder / "masks", ids.astype(np.uint16), name=f"d{number}.png")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    root = tmp_path_factory.mktemp("instances")
    data = write_discs(root / "data", 10)
    here = Path.cwd()
    os.chdir(root)
    try:
        assert main(["train", "unetpp", "--data_root", str(data), "--classes", "instances", *CHANNELS, *SMALL]) == 0
    finally:
        os.chdir(here)
    (run,) = (path for path in (root / "runs").iterdir() if (path / "run.json").exists())
    return SimpleNamespace(root=root, run=run, data=data)


def test_the_network_has_channels_for_each_class_and_the_run_says_so(trained: SimpleNamespace) -> None:
    facts = json.loads((trained.run / "run.json").read_text())
    assert facts["config"]["instances"] == ["border", "distance"] and facts["shape"]["out_channels"] == 1
    run = TrainedRun(str(trained.run))
    assert run.instance_plan() == InstancePlan(("border", "distance"), "distance")
    assert run.network().eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 3, 32, 32)


def test_evaluation_tunes_keeps_and_says_so(
    trained: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained.run, run)
    assert main(["evaluate", "--model", str(run), "--tune", "True"]) == 0
    out = capsys.readouterr().out
    assert "difference 0\n" in out and "AP50 untuned" in out and "cross-fitted" in out
    record = json.loads((run / "instances.json").read_text())
    assert len(record["tuned"]["cases"]) == 2 and set(record["tuned"]["decoders"]) == {
        "components",
        "watershed",
        "border",
        "distance",
    }
    plan = InstancePlan.from_record(record)
    assert main(["evaluate", "--model", str(run)]) == 0
    out = capsys.readouterr().out
    assert f"objects: {plan}, as tuned on 2 cases" in out
    assert "objects: 2 of those are scored here, too well therefore; cross-fitted AP50" in out

    images = write_discs(tmp_path / "other", 2) / "images"
    assert main(["predict", str(images), "--model", str(run), "--output_dir", "out"]) == 0
    assert f"({plan}): out/objects.csv" in capsys.readouterr().out


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_predicted_objects_are_data_again(trained: SimpleNamespace, tmp_path: Path) -> None:
    """Named as their images they make a set, which holds the same ids and covers what the masks cover."""
    images = trained.data / "images"
    assert main(["predict", str(images), "--model", str(trained.run), "--output_dir", "out"]) == 0
    rows = list(csv.DictReader(Path("out/objects.csv").read_text().splitlines()))
    lines = ["image,label", *(f"{path},out/{path.stem}_instances.tif" for path in sorted(images.iterdir()))]
    Path("cases.csv").write_text("\n".join(lines) + "\n")
    assert main(["data", "check", "cases.csv", "--classes", "instances"]) in (0, 6)
    for path in images.iterdir():
        label = f"out/{path.stem}_instances.tif"
        case = {"image": str(path), "label": [label], "id": path.stem, "group": None}
        ids = read_instances(case, 2, Classes("instances", ("object",)))[0][0]  # type: ignore[arg-type]
        assert set(np.unique(ids)) - {0} == {int(row["id"]) for row in rows if row["case"] == path.stem}
        mask = np.asarray(Image.open(f"out/{path.stem}.png")) > 0
        assert mask.shape == ids.shape == (48, 40)


def test_the_evaluation_has_channels_and_objects_at_the_cases_own_size(trained: SimpleNamespace) -> None:
    run = TrainedRun(str(trained.run))
    cases = run.cases()
    read = run.read_case(cases, instances=True)
    item = CaseDataset(cases.validation, evaluation_steps(read, run.settings("cpu")))[0]
    assert item["instances"].shape == (1, 48, 40) and item["instances"].max() == 3
    assert torch.equal(item["instances"] > 0, item["label"] > 0)


def test_broken_or_foreign_thresholds_are_told(
    trained: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained.run, run)
    tuned = {"tuned": {"cases": [], "root": "", "cross_fitted": {"ap50": 0.0, "pq": 0.0}}}
    for content, told in (
        ("{", "cannot be read"),
        ('{"channels": ["edge"]}', "cannot be read"),
        (json.dumps(InstancePlan(decoder="watershed").record() | tuned), "is of a run with other channels"),
    ):
        (run / "instances.json").write_text(content)
        assert main(["evaluate", "--model", str(run)]) == 2
        assert f"instances.json: {told}" in capsys.readouterr().err


def test_a_run_that_learnt_nothing_more_is_tuned_too(trained: SimpleNamespace, tmp_path: Path) -> None:
    """And before it is, neither objects are read nor written."""
    assert main(["train", "unetpp", "--data_root", str(trained.data), "--classes", "instances", *SMALL]) == 0
    assert main(["predict", str(trained.data / "images"), "--output_dir", "plain"]) == 0
    assert not list(Path("plain").glob("*_instances*")) and not Path("plain/objects.csv").exists()
    assert main(["evaluate", "--tune", "True"]) == 0
    assert main(["predict", str(trained.data / "images"), "--output_dir", "tuned"]) == 0
    assert len(list(Path("tuned").glob("*_instances.tif"))) == 10 and Path("tuned/objects.csv").exists()


def test_volumes_learn_and_predict_objects(tmp_path: Path) -> None:
    for sub in ("images", "masks"):
        (tmp_path / "vol" / sub).mkdir(parents=True)
    for number in range(4):
        ids = balls((20, 22, 34), ((10, 10, 9 + number), 7), ((10, 10, 22 + number), 6))
        noise = np.random.default_rng(number).normal(size=ids.shape).astype(np.float32)
        nifti(tmp_path / "vol" / "images", noise + 4 * (ids > 0), f"v{number}.nii.gz")
        nifti(tmp_path / "vol" / "masks", ids.astype(np.uint16), f"v{number}.nii.gz")
    flags = "--arch_options {'features':(2,4)} --epochs 1 --roi_size 16 --device cpu --classes instances".split()
    assert main(["train", "unetpp", "--data_root", "vol", "--instances", "distance", *flags]) == 0
    assert main(["evaluate", "--tune", "False"]) == 0
    assert main(["predict", "vol/images"]) == 0
    assert len(list(Path("predictions").glob("*_instances.nii.gz"))) == 4


def test_the_key_is_checked_before_anything_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "unetpp", "--instances", "boundary"]) == 2
    assert "instances is 'boundary'" in capsys.readouterr().err
    assert not list(tmp_path.rglob("model.pt"))
