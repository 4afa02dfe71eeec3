"""Objects are written so that they are read back as they were, and listed; nothing is overwritten."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
import torch
from ignite.engine import Engine, Events
from pictures import case as labelled
from pictures import nifti, png
from touching import SLICES, balls, thick_slices, told

from monaiseg.data import Case, CaseSplit, Classes
from monaiseg.data.classes import FOREGROUND, OBJECTS
from monaiseg.data.labels import read_instances
from monaiseg.engine import TuneInstances, WriteInstances
from monaiseg.engine.instances import OBJECTS as LISTED
from monaiseg.engine.instances import TUNED
from monaiseg.errors import ConfigError, DataError, OutputError
from monaiseg.instances import InstancePlan, Thresholds, decode

DISCS = balls((40, 60), ((20, 19), 11), ((20, 40), 11))
BALLS = balls((20, 22, 34), ((10, 10, 9), 7), ((10, 10, 22), 7))
BORDER = InstancePlan(("border", "distance"), "border")


def output(ids: np.ndarray, name: str = "a") -> dict[str, Any]:
    """What an evaluation step gives of a case that was predicted well."""
    classes, channels = map(torch.from_numpy, told(ids))
    spacing = torch.ones(1, ids.ndim)
    truth = {"instances": torch.tensor(ids)[None, None], "spacing": spacing}
    return {"id": [name], "pred": classes[None], "channels": channels[None], **truth}


def run(handler: Any, *outputs: dict[str, Any]) -> None:
    """Run a handler over batches, as an evaluator does."""
    engine = Engine(lambda _, batch: batch)
    handler.attach(engine)
    engine.run(list(outputs), max_epochs=1)


def source(folder: Path, ids: np.ndarray, name: str = "a") -> Case:
    image = png(folder, np.zeros((*ids.shape, 3), np.uint8), name=f"{name}.png") if ids.ndim == 2 else ""
    return Case(image=image or nifti(folder, ids.astype(np.uint8), f"{name}.nii.gz"), label=[], id=name, group=None)


@pytest.mark.parametrize("ids", [DISCS, BALLS], ids=["picture", "volume"])
def test_objects_are_read_back_as_they_were_written(tmp_path: Path, ids: np.ndarray) -> None:
    one, out = source(tmp_path, ids), output(ids)
    run(WriteInstances(tmp_path / "out", [one], OBJECTS, BORDER), out)
    path = tmp_path / "out" / f"a_instances{'.tif' if ids.ndim == 2 else '.nii.gz'}"
    expected = decode(out["pred"][0], out["channels"][0], BORDER)
    assert np.array_equal(read_instances(labelled(str(path)), ids.ndim, OBJECTS)[0], expected)
    stored = tifffile.imread(path) if ids.ndim == 2 else np.asarray(nibabel.load(path).dataobj)
    assert stored.dtype == np.uint16 and stored.max() == 2
    if ids.ndim == 3:
        assert np.array_equal(nibabel.load(path).affine, nibabel.load(str(one["image"])).affine)
    rows = list(csv.DictReader((tmp_path / "out" / LISTED).open()))
    assert [(row["case"], row["class"], row["id"]) for row in rows] == [("a", "object", "1"), ("a", "object", "2")]
    size = "area" if ids.ndim == 2 else "voxels"
    assert [int(row[size]) for row in rows] == np.bincount(expected.ravel())[1:].tolist()


def test_several_cases_and_classes_are_listed_in_one_table(tmp_path: Path) -> None:
    two = Classes("masks", ("cell", "nucleus"))
    cases = [source(tmp_path, DISCS, name) for name in "ab"]
    classes, channels = told(DISCS)
    both = {"pred": torch.from_numpy(np.concatenate([classes, 0 * classes]))[None], "spacing": torch.ones(1, 2)}
    both["channels"] = torch.from_numpy(np.concatenate([channels[:1], channels[:1], channels[1:], channels[1:]]))[None]
    run(WriteInstances(tmp_path / "out", cases, two, BORDER), *({"id": [name], **both} for name in "ab"))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {LISTED, *(f"{case}_{name}_instances.tif" for case in "ab" for name in ("cell", "nucleus"))}
    rows = list(csv.DictReader((tmp_path / "out" / LISTED).open()))
    assert [(row["case"], row["class"]) for row in rows] == [("a", "cell")] * 2 + [("b", "cell")] * 2


def test_objects_of_thick_slices_are_told_apart_by_millimetres(tmp_path: Path) -> None:
    ids = thick_slices()
    thick = output(ids) | {"pred": torch.from_numpy(told(ids, 0)[0])[None], "spacing": torch.tensor([SLICES])}
    by_neck = InstancePlan(BORDER.channels, "watershed")
    run(WriteInstances(tmp_path / "out", [source(tmp_path, ids)], FOREGROUND, by_neck), thick)
    assert np.asarray(nibabel.load(tmp_path / "out" / "a_instances.nii.gz").dataobj).max() == 2
    cases = [Case(image="", label=[], id=name, group=None) for name in "ab"]
    split = CaseSplit(tmp_path, "list", [], cases, {"split": "all cases"}, OBJECTS)
    run(TuneInstances(True, tmp_path, by_neck, split), *(thick | {"id": [name]} for name in "ab"))
    tuned = json.loads((tmp_path / TUNED).read_text())["tuned"]["decoders"]
    assert tuned["watershed"]["untuned"]["ap50"] == 1


def test_more_objects_than_16_bits_hold_are_kept_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dots = np.zeros((520, 520), np.float32)
    dots[::2, ::2] = 1
    plan = InstancePlan(decoder="components", thresholds=Thresholds(min_size=1))
    writer = WriteInstances(tmp_path / "out", [source(tmp_path, dots)], FOREGROUND, plan)
    writer._write("a", "_instances", decode(dots[None], None, plan)[0])
    path = tmp_path / "out" / "a_instances.tif"
    assert "has 67600 objects, so that it holds 32 bits and not 16" in caplog.text
    assert read_instances(labelled(str(path)), 2, OBJECTS)[0].max() == 67600


def test_without_a_plan_nothing_is_written(tmp_path: Path) -> None:
    run(WriteInstances(tmp_path / "out", [source(tmp_path, DISCS)], FOREGROUND, InstancePlan()), output(DISCS))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a_instances.tif", LISTED])
def test_what_is_there_is_never_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(OutputError, match=f"{name}: is there already"):
        WriteInstances(tmp_path, [source(tmp_path, DISCS)], FOREGROUND, BORDER)
    assert (tmp_path / name).read_bytes() == b"mine"


def test_names_that_lead_elsewhere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the id '\.\./x' cannot be the name of a file"):
        WriteInstances(tmp_path / "out", [Case(image="x.png", label=[], id="../x", group=None)], FOREGROUND, BORDER)
    with pytest.raises(DataError, match="the class 'a/b' cannot be the name of a file"):
        WriteInstances(tmp_path / "out", [], Classes("values", ("a/b", "c"), ((1,), (2,))), BORDER)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def split(tmp_path: Path) -> CaseSplit:
    cases = []
    for name in "abc":
        one = source(tmp_path, DISCS, name)
        cases.append(Case(**one | {"label": [png(tmp_path, DISCS.astype(np.uint8), name=f"{name}_mask.png")]}))
    return CaseSplit(tmp_path, "list", [], cases, {"split": "all cases"}, OBJECTS)


def test_what_is_tuned_is_written_to_the_run_and_printed(
    tmp_path: Path, split: CaseSplit, capsys: pytest.CaptureFixture[str]
) -> None:
    run(TuneInstances(True, tmp_path, BORDER, split), *(output(DISCS, name) for name in "abc"))
    record = json.loads((tmp_path / TUNED).read_text())
    plan = InstancePlan.from_record(record)
    assert plan.channels == BORDER.channels and plan.decoder != "components"
    assert record["tuned"]["cases"] == ["a", "b", "c"] and record["tuned"]["root"] == str(tmp_path)
    out = capsys.readouterr().out
    assert f"{plan.decoder} (best)" in out and "cross-fitted" in out and f"evaluate and predict take {plan}" in out
    assert "in place of" not in out
    run(TuneInstances(True, tmp_path, BORDER, split), *(output(DISCS, name) for name in "abc"))
    assert "in place of what was tuned before" in capsys.readouterr().out


def test_nothing_is_tuned_unless_asked_for(tmp_path: Path, split: CaseSplit) -> None:
    handler = TuneInstances(False, tmp_path, BORDER, split)
    engine = Engine(lambda _, batch: batch)
    handler.attach(engine)
    assert not engine.has_event_handler(handler, Events.COMPLETED)
    engine.run([{"id": ["a"]}], max_epochs=1)
    assert not (tmp_path / TUNED).exists()


def test_test_cases_are_not_tuned_on(tmp_path: Path, split: CaseSplit) -> None:
    with pytest.raises(ConfigError, match="tune is True and fold is test"):
        TuneInstances(True, tmp_path, BORDER, split, fold="test")
    TuneInstances(False, tmp_path, BORDER, split, fold="test")
    with pytest.raises(ConfigError, match="tune is 'true'; write --tune True"):
        TuneInstances("true", tmp_path, BORDER, split)  # type: ignore[arg-type]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_what_a_gpu_predicts_is_written_and_tuned_on(tmp_path: Path, split: CaseSplit) -> None:
    on_gpu = [
        {key: value.cuda() if hasattr(value, "cuda") else value for key, value in output(DISCS, name).items()}
        for name in "abc"
    ]
    run(WriteInstances(tmp_path / "out", split.validation, OBJECTS, BORDER), *on_gpu)
    assert len(list((tmp_path / "out").glob("*_instances.tif"))) == 3
    run(TuneInstances(True, tmp_path, BORDER, split), *on_gpu)
    assert (tmp_path / TUNED).is_file()
