"""A run learns to tell objects apart, is tuned, and predicts them; through the bundle, on pictures and volumes."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedEvaluator
from pictures import png
from PIL import Image
from scipy import ndimage
from touching import balls
from volumes import write_volume

from monaiseg.bundle import TrainedRun
from monaiseg.cli import main
from monaiseg.data import CaseDataset, all_cases, evaluation_loader, evaluation_steps
from monaiseg.data.labels import read_instances
from monaiseg.engine import EvaluationStep
from monaiseg.engine.steps import own_size
from monaiseg.instances import InstancePlan

SMALL = "--arch_options {'features':(4,8)} --epochs 1 --roi_size 32 --batch_size 2 --device cpu --amp False".split()
ENOUGH = "--arch_options {'features':(8,16)} --epochs 8 --lr 0.02 --roi_size 32 --batch_size 2 --device cpu".split()
"""Two seconds, after which every disc is found."""

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
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert main(["train", "unetpp", "--data_root", str(data), "--classes", "instances", *CHANNELS, *ENOUGH]) == 0
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
    told = f"objects: {plan}, as tuned on 2 cases, of which 2 are scored here, too well therefore; cross-fitted AP50 "
    assert f"{told}{record['tuned']['cross_fitted']['ap50']:.4f}" in out
    scores = json.loads(min(run.glob("evaluation-*/scores.json")).read_text())
    assert scores["objects"]["tuned"] is None, "the first one scored what was not tuned yet"
    scores = json.loads(max(run.glob("evaluation-*/scores.json")).read_text())
    assert scores["objects"]["decoder"] == plan.decoder and scores["objects"]["tuned"]["scored"] == 2
    assert str(plan) in scores["contract"]["objects"] and "too well" in scores["contract"]["objects"]

    images = write_discs(tmp_path / "other", 2) / "images"
    assert main(["predict", str(images), "--model", str(run), "--output_dir", "out"]) == 0
    assert f"({plan}): out/objects.csv" in capsys.readouterr().out


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def listed(folder: str) -> dict[str, list[dict[str, str]]]:
    """The rows of the table of objects, by case."""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(Path(folder, "objects.csv").read_text().splitlines()):
        rows.setdefault(row["case"], []).append(row)
    return rows


def check_objects(ids: np.ndarray, mask: np.ndarray, rows: list[dict[str, str]], size: str) -> None:
    """The map has the objects of the rows, at least one, all of them in the mask or in holes of it."""
    counts = np.bincount(ids.ravel())[1:]
    assert counts.any() and [(int(row["id"]), int(row[size])) for row in rows] == list(enumerate(counts, 1))
    assert mask.shape == ids.shape and not (ids > 0)[~ndimage.binary_fill_holes(mask)].any()
    assert (ids > 0)[mask].mean() > 0.9, "what is too small to be an object is no more than a rim"


def test_predicted_objects_are_data_again(trained: SimpleNamespace, tmp_path: Path) -> None:
    """Named as their images they make a set, which holds the objects that are listed, and those lie in the masks."""
    images = trained.data / "images"
    assert main(["predict", str(images), "--model", str(trained.run), "--output_dir", "out"]) == 0
    rows = listed("out")
    lines = ["image,label", *(f"{path},out/{path.stem}_instances.tif" for path in sorted(images.iterdir()))]
    Path("cases.csv").write_text("\n".join(lines) + "\n")
    found = all_cases("cases.csv", classes="instances")
    assert len(found.validation) == 10
    for case in found.validation:
        name = Path(str(case["image"])).stem
        ids = read_instances(case, 2, found.classes)[0][0]
        check_objects(ids, np.asarray(Image.open(f"out/{name}.png")) > 0, rows[name], "area")


def test_the_evaluation_has_channels_and_objects_at_the_cases_own_size(trained: SimpleNamespace) -> None:
    """Also where the network sees another size: the channels after the first are the border and the distance."""
    run = TrainedRun(str(trained.run))
    cases, settings = run.cases(), run.settings("cpu")
    settings.image_size = (32, 56)
    dataset = CaseDataset(cases.validation, evaluation_steps(run.read_case(cases, instances=True), settings))
    network, kept = run.network().eval(), []
    evaluator = SupervisedEvaluator(
        device=settings.device,
        val_data_loader=evaluation_loader(dataset),
        network=network,
        iteration_update=EvaluationStep(settings, classes=1),
        decollate=False,
    )
    evaluator.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: kept.append(engine.state.output))
    evaluator.run()
    assert len(kept) == 2
    for output in kept:
        assert output["instances"].shape == output["pred"].shape == (1, 1, 48, 40) and output["instances"].max() == 3
        assert torch.equal(output["instances"] > 0, output["label"] > 0)
        with torch.no_grad(), settings.autocast():
            logits = network(output["image"])
        expected = own_size(logits.float().sigmoid(), (48, 40))
        assert output["image"].shape == (1, 3, 32, 56) and output["channels"].shape == (1, 2, 48, 40)
        torch.testing.assert_close(output["channels"], expected[:, 1:])
        distance, inside = output["channels"][:, 1:], output["label"] > 0
        assert distance[inside].mean() > distance[~inside].mean()


def test_labels_of_another_kind_are_read_as_they_are_said_to_be(
    trained: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run was trained on ids; of the same cases with masks that are 0 and 255 the Dice is the same."""
    masks = shutil.copytree(trained.data, tmp_path / "masks")
    for path in (masks / "masks").iterdir():
        Image.fromarray(np.where(np.asarray(Image.open(path)) > 0, 255, 0).astype(np.uint8)).save(path)
    told = []
    for root, classes in ((trained.data, "same"), (masks, "auto")):
        arguments = ["--data_root", str(root), "--classes", classes, "--measures", "overlap"]
        assert main(["evaluate", "--model", str(trained.run), *arguments]) == 0
        told.append(next(line for line in capsys.readouterr().out.splitlines() if "Dice 0." in line))
    assert told[0].split("Dice ")[1] == told[1].split("Dice ")[1]


def test_broken_or_foreign_thresholds_are_told(
    trained: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained.run, run)
    tuned = {"tuned": {"cases": [], "root": "", "split": "", "cross_fitted": {"ap50": 0.0, "pq": 0.0}}}
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
    for number in range(4):
        ids = balls((20, 22, 34), ((10, 10, 9 + number), 7), ((10, 10, 22 + number), 6))
        noise = np.random.default_rng(number).normal(size=ids.shape).astype(np.float32)
        affine = write_volume(tmp_path / "vol" / "images" / f"v{number}.nii.gz", noise + 4 * (ids > 0), (1, 1, 2))
        write_volume(tmp_path / "vol" / "masks" / f"v{number}.nii.gz", ids.astype(np.uint16), (1, 1, 2))
    flags = "--arch_options {'features':(4,8)} --epochs 8 --lr 0.02 --roi_size 16 --classes instances".split()
    assert main(["train", "unetpp", "--data_root", "vol", "--instances", "distance", "--device", "cpu", *flags]) == 0
    assert main(["evaluate", "--tune", "False"]) == 0
    assert main(["predict", "vol/images"]) == 0
    rows = listed("predictions")
    assert len(rows) == 4
    for name, own in rows.items():
        ids, mask = (nibabel.load(f"predictions/{name}{end}.nii.gz") for end in ("_instances", ""))
        assert np.array_equal(ids.affine, affine) and ids.get_data_dtype() == np.uint16
        check_objects(np.asarray(ids.dataobj), np.asarray(mask.dataobj) > 0, own, "voxels")
        assert all(float(row["mm3"]) == 2 * int(row["voxels"]) for row in own)


def test_the_key_is_checked_before_anything_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "unetpp", "--instances", "boundary"]) == 2
    assert "instances is 'boundary'" in capsys.readouterr().err
    assert not list(tmp_path.rglob("model.pt"))


def test_decoder_and_thresholds_can_be_told_instead_of_tuned(
    trained: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    run = TrainedRun(str(trained.run))
    plan = run.instance_plan(None, "watershed", {"depth": 0.2})
    assert (plan.decoder, plan.thresholds.depth, plan.thresholds.min_size) == ("watershed", 0.2, 10)
    assert run.instance_plan(thresholds={"min_size": 3}).thresholds.min_size == 3
    told = ["--decoder", "watershed", "--thresholds", "{'min_size': 5}"]
    assert main(["predict", str(trained.data / "images"), "--model", str(trained.run), *told]) == 0
    assert "(decoder watershed, foreground 0.5, depth 0.1, min_size 5)" in capsys.readouterr().out
    for wrong, message in (
        (["--decoder", "borders"], "decoder is 'borders'; did you mean"),
        (["--thresholds", "{'deep': 1}"], "thresholds has 'deep'; did you mean"),
        (["--thresholds", "{'depth': 'low'}"], "thresholds has depth 'low'; it must be a number"),
        (["--thresholds", "0.2"], "thresholds is 0.2; it must be a mapping"),
    ):
        assert main(["evaluate", "--model", str(trained.run), *wrong]) == 2
        assert message in capsys.readouterr().err
