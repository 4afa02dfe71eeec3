"""Damaged states and records of a run that is gone on with end well, in one line, or are passed over."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from fuzzing.guarding import Change, fuzz
from fuzzing.mutations import Random, change_values, damaged_json, damaged_text, rezipped
from fuzzing.trainings import SmallTraining

from monaiseg.bundle.resumed import find_resumed, tell_changes
from monaiseg.engine.checkpoint import LAST, PREVIOUS, as_bytes, read_checkpoint, verified

CONFIG: dict[str, Any] = {
    "arch": "unet",
    "epochs": 4,
    "arch_options": {"features": [4, 8]},
    "train": {"loss": {"_target_": "monaiseg.losses.build_loss", "name": "@loss"}},
}
SPLIT: dict[str, Any] = {"hash": "0" * 64, "train": ["a", "b"], "validation": ["c"]}
FACTS: dict[str, Any] = {
    "status": "finished",
    "config": {"arch": "unet", "epochs": 3, "early_stopping": 0},
    "bundle": "/nowhere/bundles/unet",
    "epochs_done": 3,
    "stopped_early": True,
    "settings": {"device": "cpu", "amp": False},
    "versions": {"torch": "2.8.0", "numpy": "2.0"},
    "resumed": [{"step": 3, "versions": {}}],
}
NOW = {"settings": {"device": "cuda", "amp": True}, "versions": {"torch": "2.9.0", "numpy": "2.0"}}


def damaged_config(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return a damaged configuration: half of them as YAML, which is written otherwise, half as JSON, which is YAML."""
    if random.random() < 0.5:
        return damaged_text(random, [CONFIG_YAML])
    return damaged_json(random, seeds)


CONFIG_YAML = yaml.safe_dump(CONFIG).encode()
RECORDS = {
    "run.json": ([json.dumps(FACTS)], damaged_json),
    "split.json": ([json.dumps(SPLIT)], damaged_json),
    "config.yaml": ([json.dumps(CONFIG)], damaged_config),
}


def damaged_states(seeds: Sequence[bytes]) -> Change:
    """Return what gives the file of a training's state that is damaged, or is whole and has other values."""
    states = [torch.load(io.BytesIO(seed), weights_only=True) for seed in seeds]

    def change(random: Random, seeds: Sequence[bytes]) -> bytes:
        number = int(random.random() < 0.1)
        if random.random() < 0.5:
            return rezipped(random, [seeds[number]])
        content = deepcopy(states[number])
        change_values(random, content)
        return as_bytes(content)

    return change


def go_on(folder: Path) -> None:
    (folder / PREVIOUS).unlink(missing_ok=True)
    state = read_checkpoint(folder)
    assert state is not None
    SmallTraining(folder).go_on(state)


def go_on_from_the_one_before(folder: Path, before: bytes) -> None:
    """With a good one before it there always is a state to go on with."""
    (folder / PREVIOUS).write_bytes(before)
    assert read_checkpoint(folder) is not None
    verified(folder / LAST)


def test_damaged_states_of_a_training(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    seeds = SmallTraining(folder).written()
    go_on(folder)
    uses = [partial(go_on, folder)] * 3 + [partial(go_on_from_the_one_before, folder, seeds[0])]
    fuzz(LAST, folder / LAST, seeds, damaged_states(seeds), uses, tmp_path)


def resume(resume: str, runs: Path) -> None:
    """Find a run as a training does, and tell what of it changed; nobody else may be told that it is locked then."""
    found = find_resumed(resume, runs, CONFIG, SPLIT, {})
    if found is not None:
        tell_changes(found.facts, NOW)
        found.lock.close()


@pytest.mark.parametrize("name", RECORDS)
def test_damaged_records_of_a_run_that_is_gone_on_with(name: str, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    (runs / "run").mkdir(parents=True)
    for each, (seeds, _) in RECORDS.items():
        (runs / "run" / each).write_text(seeds[0])
    texts, change = RECORDS[name]
    uses = [partial(resume, "auto", runs), partial(resume, str(runs / "run"), runs)]
    fuzz(f"resumed {name}", runs / "run" / name, [text.encode() for text in texts], change, uses, tmp_path)
