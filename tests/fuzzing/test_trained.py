"""Damaged weights and records of a run that is evaluated end well or in one line."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from fuzzing.guarding import fuzz
from fuzzing.mutations import damaged_json, rezipped
from torch import nn

from monaiseg.bundle.trained import TrainedRun
from monaiseg.weights import read_state

STATE = nn.Linear(2, 1).state_dict()
NETWORK = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 1}
CONFIG = {"arch": "unet", "pretrained": "none", "freeze": False, "shape": None, "network_def": NETWORK}
PLAN = {"channels": ["border"], "decoder": "border", "thresholds": {"foreground": 0.5, "border": 0.5, "min_size": 4}}
RECORDS: dict[str, dict[str, Any]] = {
    "run.json": {
        "config": {
            "arch": "unet",
            "amp": "auto",
            "channels_last": False,
            "fold": 0,
            "layout": "auto",
            "classes": "auto",
        }
        | {"fold": 0, "split_seed": 0, "instances": ["border"]},
        "shape": {"spatial_dims": 2, "in_channels": 3, "out_channels": 1},
        "settings": {"image_size": [8, 8], "spacing": None, "roi_size": [8, 8]},
        "network": {"plugin": "unet", "distribution": "monaiseg", "version": "0.1.0", "arch": "unet"},
        "best": {"dice": 0.5, "epoch": 3},
    },
    "split.json": {
        "root": "/nowhere",
        "layout": "images_masks",
        "hash": "0" * 64,
        "classes": {"kind": "values", "names": ["polyp"], "keys": [[1, 2]], "background": [0, 0, 0]},
        "image_files": 1,
        "split": "fold 0 of 5 (split seed 0)",
        "train": ["a", "b"],
        "validation": ["c"],
    },
    "instances.json": PLAN
    | {"tuned": {"cases": ["a"], "cross_fitted": {"ap50": 0.5}, "root": "/nowhere", "split": "fold 0 of 5"}},
}


def saved(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


CHECKPOINTS = [
    saved(STATE),
    saved({"state_dict": STATE, "epoch": 3}),
    saved(STATE, _use_new_zipfile_serialization=False),
    saved({"a": torch.eye(2).to_sparse(), "b": torch.ones(2, dtype=torch.bfloat16), "c": torch.tensor(7)}),
]


def write_run(folder: Path) -> Path:
    folder.mkdir()
    (folder / "model.pt").write_bytes(CHECKPOINTS[0])
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    for name, record in RECORDS.items():
        (folder / name).write_text(json.dumps(record))
    return folder


def use_records(folder: Path) -> None:
    """Do with the records of a run what an evaluation does before it looks at cases."""
    run = TrainedRun(str(folder))
    run.settings("cpu")
    run.read_case()
    run.instance_plan()
    run.expected_dice("same")


def use_network(folder: Path) -> None:
    TrainedRun(str(folder)).network()


def test_damaged_weights_of_others(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    fuzz("weights", path, CHECKPOINTS, rezipped, [partial(read_state, path)], tmp_path)


def test_damaged_weights_of_a_run(tmp_path: Path, one_scan: None) -> None:
    folder = write_run(tmp_path / "run")
    fuzz("model.pt", folder / "model.pt", CHECKPOINTS[:1], rezipped, [partial(use_network, folder)], tmp_path)


@pytest.mark.parametrize("name", RECORDS)
def test_damaged_records_of_a_run(name: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    seeds = [json.dumps(RECORDS[name]).encode()]
    fuzz(name, folder / name, seeds, damaged_json, [partial(use_records, folder)], tmp_path)
