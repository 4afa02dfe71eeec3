"""Damaged checkpoints and records of a run, and damaged bundles that are checked, end well or in one line."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from fuzzing.guarding import fuzz
from fuzzing.mutations import Random, damaged, damaged_json, damaged_text
from torch import nn

from monaiseg.bundle.checked import check_bundle
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
BUNDLES = [
    """
epochs: 3
lr: 1.0e-3
rates: &rates [1, 2]
network: {_target_: torch.nn.Linear, in_features: 2, out_features: '$len(@rates)'}
loss: {_target_: DiceLoss, sigmoid: true, _requires_: '@network'}
run: ['$print(@network)', '$@loss.to("cpu")']
again: '@run::0'
copied: '%rates::0'
also: *rates
""",
    """
imports: [$import os]
optimizer:
  _target_: torch.optim.SGD
  _mode_: callable
  params: $@net.parameters()
net: {_target_: monai.networks.nets.BasicUNet, spatial_dims: 2, features: '$[8] * 6'}
""",
]


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


def rezipped(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return a checkpoint of which one part is damaged and has the checksum of what it is now, or the file itself."""
    seed = seeds[random.integers(len(seeds))]
    if random.random() < 0.4 or not zipfile.is_zipfile(io.BytesIO(seed)):
        return damaged(random, seeds)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(seed)) as old, zipfile.ZipFile(buffer, "w") as new:
        changed = old.namelist()[random.integers(2) * random.integers(len(old.namelist()))]
        for name in old.namelist():
            content = old.read(name) or b"\0"
            new.writestr(name, damaged(random, [content]) if name == changed else content)
    return buffer.getvalue()


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


def test_damaged_checkpoints_of_others(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    fuzz("weights", path, CHECKPOINTS, rezipped, [partial(read_state, path)], tmp_path)


def test_damaged_checkpoints_of_a_run(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    fuzz("model.pt", folder / "model.pt", CHECKPOINTS[:1], rezipped, [partial(use_network, folder)], tmp_path, share=20)


@pytest.mark.parametrize("name", RECORDS)
def test_damaged_records_of_a_run(name: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    seeds = [json.dumps(RECORDS[name]).encode()]
    fuzz(name, folder / name, seeds, damaged_json, [partial(use_records, folder)], tmp_path, share=3)


def test_damaged_bundles(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    seeds = [text.encode() for text in BUNDLES]
    fuzz("bundle", path, seeds, damaged_text, [partial(check_bundle, str(path))], tmp_path, share=3)
