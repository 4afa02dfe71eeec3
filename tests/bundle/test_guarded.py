"""Mistakes that MONAI lets pass are refused, with the key and the mend in one line."""

import logging
from pathlib import Path

import pytest
from monai.bundle import workflows

from monaiseg.bundle import GuardedWorkflow, shipped_bundles
from monaiseg.bundle.shipped import OVERLAY
from monaiseg.errors import ConfigError

TRAIN = str(shipped_bundles()["unetpp"] / "train.yaml")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch": 1}, r"--epoch matches nothing in the bundle; did you mean 'epochs'"),
        ({"train#traner#max_epochs": 1}, r"--train#traner#max_epochs matches nothing"),
        ({"train::trainer::max_epoch": 1}, r"did you mean 'max_epochs'"),
        ({"amp": "false"}, r"write --amp False"),
        ({"compile": "true"}, r"write --compile True"),
        ({"data_root": "null"}, r"write --data_root none"),
        ({"epochs": "many"}, r"epochs is the text 'many', not a number"),
        ({"lr": "1e-3"}, r"lr is the text '1e-3', not a number"),
        ({"run_id": "train"}, r"run id 'train' runs nothing.*training"),
        ({"training": []}, r"run id 'training' runs nothing"),
        ({"train::trainer::decollate": "false"}, r"train#trainer#decollate is the text 'false'"),
        ({"run_id": "trainning"}, r"did you mean 'training'"),
    ],
)
def test_refused(overrides, message):
    arguments = {"run_id": "training", **overrides}
    with pytest.raises(ConfigError, match=message):
        GuardedWorkflow(TRAIN, **arguments)


def test_text_that_only_looks_like_a_number_passes():
    workflow = GuardedWorkflow(TRAIN, run_id="training", data_root="2018_08", output_dir="001")
    assert (workflow.parser["data_root"], workflow.parser["output_dir"]) == ("2018_08", "001")


def test_right_overrides_pass():
    workflow = GuardedWorkflow(TRAIN, run_id="training", epochs=3, **{"train#trainer#max_epochs": 4})
    assert workflow.parser["epochs"] == 3
    assert workflow.parser["train::trainer::max_epochs"] == 4


def test_the_bundle_has_every_property_that_monai_asks_for(tmp_path, monkeypatch, write_pairs):
    monkeypatch.chdir(tmp_path)
    data = str(write_pairs(tmp_path / "data", count=4))
    workflow = GuardedWorkflow(TRAIN, run_id="training", data_root=data, roi_size=32, arch_options={"features": (2, 4)})
    workflow.initialize()
    assert workflow.check_properties() == []


@pytest.fixture
def warned():
    """What MONAI warns of, in a list."""
    told, handler = [], logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())
    workflows.logger.addHandler(handler)
    yield told
    workflows.logger.removeHandler(handler)


def test_the_overlay_may_lie_elsewhere_and_other_files_are_told_of(warned, tmp_path):
    overlay = str(Path(TRAIN).parents[1] / OVERLAY)
    GuardedWorkflow([TRAIN, overlay], run_id="training")
    assert warned == []
    mine = tmp_path / "mine.yaml"
    mine.write_text("epochs: 3\n")
    GuardedWorkflow([TRAIN, str(mine)], run_id="training")
    (told,) = warned
    assert "Not all config files are in" in told
