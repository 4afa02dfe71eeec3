"""Damaged bundles that are checked end well or in one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml
from fuzzing.guarding import COUNT, fuzz
from fuzzing.mutations import Random, damaged_json, damaged_text

from monaiseg.bundle import checked, find_bundle
from monaiseg.bundle.checked import check_bundle
from monaiseg.bundle.keys import check_keys

PARTS = """
epochs: 3
lr: 1.0e-3
rates: &rates [1, 2]
network: {_target_: torch.nn.Linear, in_features: 2, out_features: '$len(@rates)'}
loss: {_target_: DiceLoss, sigmoid: true, _requires_: '@network'}
run: ['$print(@network)', '$@loss.to("cpu")']
again: '@run::0'
copied: '%rates::0'
also: *rates
"""
CODE = """
imports: [$import os]
optimizer:
  _target_: torch.optim.SGD
  _mode_: callable
  params: $@net.parameters()
net: {_target_: monai.networks.nets.BasicUNet, spatial_dims: 2, features: '$[8] * 6'}
call: '%OTHER::call'
"""
OTHER = "call: {_target_: torch.nn.ReLU}\n"
TINY = {
    "arch": "unet",
    "arch_options": {"features": [2, 4], "norm": None},
    "roi_size": 8,
    "batch_size": 1,
    "image_size": 8,
}
NETWORK = {"_target_": "monaiseg.build_network", "name": "@arch", "spatial_dims": 2, "arch_options": "@arch_options"}
NETWORK |= {"in_channels": 3, "out_channels": 1}


def shipped() -> dict[str, object]:
    """Return the keys of a shipped training, of a network so small that thousands are built, and few of its parts."""
    content = yaml.safe_load((find_bundle("unetpp") / "train.yaml").read_text())
    keys = {key: value for key, value in content.items() if not isinstance(value, dict | list) or not value}
    keys = {key: value for key, value in keys.items() if not str(value).startswith("$")}
    return keys | TINY | {"network_def": NETWORK, "instance_plan": content["instance_plan"], "run": ["$@network_def"]}


def test_damaged_bundles(tmp_path: Path, one_scan: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of them are a shipped training, mostly with other values: of the others the keys are not looked at."""
    (tmp_path / "other.yaml").write_text(OTHER)
    texts = [text.replace("OTHER", str(tmp_path / "other.yaml")).encode() for text in (PARTS, CODE)]
    trainings = [json.dumps(shipped()).encode()]

    def change(random: Random, seeds: Sequence[bytes]) -> bytes:
        return damaged_text(random, seeds) if random.random() < 0.5 else damaged_json(random, trainings)

    path = tmp_path / "train.yaml"
    path.write_bytes(trainings[0])
    check_bundle(str(path))  # torch makes a folder of its own the first time
    looked_at = Mock(side_effect=check_keys)
    monkeypatch.setattr(checked, "check_keys", looked_at)
    fuzz("bundle", path, texts, change, [partial(check_bundle, str(path))], tmp_path)
    assert looked_at.call_count > COUNT // 5
