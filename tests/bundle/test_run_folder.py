"""What a run leaves behind."""

import csv
import json

import pytest
import torch
import yaml
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monaiseg import build_network
from monaiseg.bundle.run_folder import _new_folder
from monaiseg.errors import OutputError


def test_config_and_record_hold_the_overrides(trained):
    config = yaml.safe_load((trained.run / "config.yaml").read_text())
    facts = json.loads((trained.run / "run.json").read_text())
    assert config["epochs"] == facts["config"]["epochs"] == 2
    assert config["arch_options"] == {"features": [4, 8, 16]}
    assert config["train"]["trainer"]["max_epochs"] == "@epochs"
    assert facts["status"] == "finished"
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["network"]["plugin"] == "unetpp"
    assert facts["network"]["distribution"] == "monaiseg"
    assert len(facts["data"]["hash"]) == 64
    assert "Otsu" in facts["metrics"]["baseline"] and "0.5" in facts["metrics"]["threshold"]
    assert facts["config"]["seed"] == 0


def test_split_file_names_each_case_once(trained):
    split = json.loads((trained.run / "split.json").read_text())
    assert split["root"] == str(trained.data.resolve())
    assert sorted(split["train"] + split["validation"]) == [f"case_{i:02d}" for i in range(10)]
    assert len(split["validation"]) == 2


def test_metrics_have_a_row_an_epoch_and_no_times(trained):
    rows = list(csv.DictReader((trained.run / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert list(rows[0])[:6] == ["epoch", "lr", "train_loss", "train_dice", "dice", "iou"]
    assert {"precision", "recall", "specificity", "mean_class_iou", "baseline_dice", "baseline_iou"} <= set(rows[0])
    assert all(0 <= float(row["dice"]) <= 1 and 0 <= float(row["train_dice"]) <= 1 for row in rows)


def test_cases_are_those_of_the_best_epoch(trained):
    rows = list(csv.DictReader((trained.run / "cases.csv").open()))
    best = json.loads((trained.run / "run.json").read_text())["best"]
    assert len(rows) == best["cases"] == 2
    assert sum(float(row["dice"]) for row in rows) / 2 == pytest.approx(best["dice"], abs=1e-12)
    epochs = list(csv.DictReader((trained.run / "metrics.csv").open()))
    assert best["dice"] == max(float(row["dice"]) for row in epochs)


def test_model_is_a_bare_state_dict(trained):
    state = torch.load(trained.run / "model.pt", weights_only=True)
    config = json.loads((trained.run / "run.json").read_text())["config"]
    options = dict(spatial_dims=2, in_channels=3, out_channels=1, deep_supervision="auto")
    build_network(config["arch"], **options, features=(4, 8, 16)).load_state_dict(state)


def test_last_state_is_complete_and_safe_to_load(trained):
    last = torch.load(trained.run / "last.pt", weights_only=True)
    assert {"network", "optimizer", "scheduler", "epoch", "iteration", "best"} <= set(last)
    assert last["epoch"] == 2
    assert last["optimizer"]["state"]


def test_events_hold_loss_dice_and_pictures(trained):
    events = EventAccumulator(str(trained.run), size_guidance={"images": 0}).Reload()
    assert {"train/loss", "validation/dice", "validation/iou", "validation/baseline_dice"} <= set(
        events.Tags()["scalars"]
    )
    assert [event.step for event in events.Scalars("validation/dice")] == [1, 2]
    assert len(events.Scalars("train/loss")) == 4
    assert [event.step for event in events.Images("validation/picture_0")] == [1, 2]


def test_overlays_are_whole_multiples_of_their_case(trained):
    pictures = sorted((trained.run / "overlays").glob("*.png"))
    assert len(pictures) == 2
    for picture in pictures:
        with Image.open(picture) as overlay, Image.open(trained.data / "images" / picture.name) as image:
            width, height = image.size
            times = overlay.width // width
            assert overlay.size == (times * width, times * height) and times > 1, "a stamp is enlarged"


def test_folders_are_never_shared(tmp_path):
    assert len({_new_folder(tmp_path, "net") for _ in range(5)}) == 5


def test_unwritable_output_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="output_dir"):
        _new_folder(tmp_path / "file", "net")
