"""The file of a training's state: whole, verified, with one before it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monaiseg.engine.checkpoint import (
    DAMAGED,
    LAST,
    PARTS,
    PREVIOUS,
    DamagedCheckpoint,
    check_weights,
    read_checkpoint,
    verified,
    write_checkpoint,
    write_state,
)
from monaiseg.errors import ConfigError, OutputError

SUMS = {"epoch": 1, "lr": 0.1, "steps": 1, "loss": 0.5, "overlap": torch.tensor([1, 2])}
STATES = {"torch": torch.get_rng_state(), "cuda": [], "numpy": (), "python": ()}


def state(step: int) -> dict[str, Any]:
    return {
        "network": {"weight": torch.arange(1000.0) + step},
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
        "scheduler": {"schedule": {"last_epoch": step}, "epochs": 2, "steps_an_epoch": 10},
        "scaler": {},
        "best": {"dice": -1, "epoch": -1, "scores": None},
        "table": {"rows": [], "epoch": SUMS},
        "early_stopping": {"stalled": 0},
        "report": {"seconds": 1.5},
        **{"epoch": 1, "iteration": step, "epoch_length": 10, "max_epochs": 2, "epoch_ended": False},
        "random": [STATES],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for step in (1, 2, 3):
        write_checkpoint(tmp_path, state(step))
    return tmp_path


def test_the_last_two_are_kept(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [LAST, PREVIOUS]
    assert read_checkpoint(folder)["iteration"] == 3
    assert torch.load(folder / PREVIOUS, weights_only=True)["iteration"] == 2


def test_nothing_was_written(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) is None


def test_each_flipped_bit_is_seen_or_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bit of padding may be flipped without harm; a weight never is another one."""
    whole, rng = (folder / LAST).read_bytes(), np.random.default_rng(0)
    before, seen = (folder / PREVIOUS).read_bytes(), 0
    for place in rng.integers(0, 8 * len(whole), 300):
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        (folder / LAST).write_bytes(content)
        (folder / PREVIOUS).write_bytes(before)
        kept = read_checkpoint(folder)
        assert torch.equal(kept["network"]["weight"], state(kept["iteration"])["network"]["weight"])
        seen += kept["iteration"] == 2
    assert seen > 200
    assert f"{folder / LAST}: is damaged" in capsys.readouterr().out


@pytest.mark.parametrize("length", [0, 10, 0.5, 0.99])
def test_a_cut_file_gives_way_to_the_one_before_it(folder: Path, length: float) -> None:
    whole = (folder / LAST).read_bytes()
    cut = whole[: int(length * len(whole)) if length < 1 else int(length)]
    (folder / LAST).write_bytes(cut)
    assert read_checkpoint(folder)["iteration"] == 2
    assert (folder / DAMAGED).read_bytes() == cut and not (folder / PREVIOUS).exists()
    assert read_checkpoint(folder)["iteration"] == 2, "which is the last one now"


def test_killed_between_the_two_names(folder: Path) -> None:
    (folder / LAST).unlink()
    assert read_checkpoint(folder)["iteration"] == 2 and (folder / LAST).exists()


def test_with_no_good_one_it_is_refused(folder: Path) -> None:
    for name in (LAST, PREVIOUS):
        (folder / name).write_bytes(b"PK no zip")
    both = f"^{folder / LAST}: is damaged .*; {folder / PREVIOUS}: is damaged .*: start a new run$"
    with pytest.raises(DamagedCheckpoint, match=both):
        read_checkpoint(folder)
    (folder / LAST).unlink()
    with pytest.raises(DamagedCheckpoint, match=f"{LAST}: is gone; .*{PREVIOUS}: is damaged .*: start a new run$"):
        read_checkpoint(folder)
    (folder / PREVIOUS).rename(folder / LAST)
    with pytest.raises(DamagedCheckpoint, match=f"{LAST}: is damaged .*start a new run"):
        read_checkpoint(folder)


def test_a_damaged_one_that_cannot_be_renamed_is_told(folder: Path) -> None:
    (folder / LAST).write_bytes(b"")
    (folder / DAMAGED).mkdir()
    with pytest.raises(OutputError, match=f"^{folder}: {PREVIOUS} cannot take the place of {LAST}"):
        read_checkpoint(folder)


def test_what_is_no_state_of_a_training_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / LAST)
    with pytest.raises(DamagedCheckpoint, match=f"^{tmp_path / LAST}: is not the whole state of a training"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_gone_is_told(part: str, folder: Path) -> None:
    content = state(3)
    del content[part]
    write_state(folder / PREVIOUS, content)
    with pytest.raises(DamagedCheckpoint, match=f"{PREVIOUS}: is not the whole state of a training .has no {part}"):
        verified(folder / PREVIOUS)


WRONG = {
    "its epoch is 'x'": {"epoch": "x"},
    "its epoch is True": {"epoch": True},
    "epoch 3 of 2": {"epoch": 3},
    "epoch 0 of 2": {"epoch": 0},
    "has no scheduler::schedule": {"scheduler": {}},
    "has no table::rows": {"table": {}},
    "its random is ": {"random": [STATES, {}]},
    "step 3 in epoch 1 of 0 steps": {"epoch_length": 0},
    "step 3 in epoch 1 of 2 steps": {"epoch_length": 2},
    "step 3 in epoch 2 of 10 steps": {"epoch": 2},
    "step 1000000000 in epoch 1": {"iteration": 10**9},
    "11 steps of the optimizer": {"scheduler": state(3)["scheduler"] | {"steps_an_epoch": 11}},
    "11 steps of the schedule": {"scheduler": state(11)["scheduler"]},
    "the best epoch 2 by epoch 1": {"best": {"dice": 0.5, "epoch": 2, "scores": {}}},
    "no scores of the best epoch": {"best": {"dice": 0.5, "epoch": 1, "scores": None}},
    "-1 evaluations": {"early_stopping": {"stalled": -1}},
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_no_training_comes_to_gives_way_to_the_one_before_it(fault: str, folder: Path, capsys) -> None:
    write_state(folder / LAST, state(3) | WRONG[fault])
    kept = read_checkpoint(folder)
    assert kept is not None and kept["iteration"] == 2 and (folder / DAMAGED).exists()
    assert f"{folder / LAST}: is not the whole state of a training ({fault}" in capsys.readouterr().out


def test_weights_of_another_network_are_told_before_they_are_loaded() -> None:
    kept = {"within.weight": torch.zeros(2, 3), "within.bias": torch.zeros(2), "more": torch.zeros(2), "name": "x"}
    check_weights(Path(LAST), kept, {"weight": torch.ones(2, 3), "bias": torch.ones(2)})
    with pytest.raises(ConfigError, match=rf"^{LAST}: .*another network \(none for weight, \(3, 2\)\); start a new"):
        check_weights(Path(LAST), kept, {"bias": torch.ones(2), "weight": torch.ones(3, 2)})
    with pytest.raises(ConfigError, match="none for again"):
        check_weights(Path(LAST), kept, dict.fromkeys(("bias", "more", "again"), torch.ones(2)))
