"""A run whose records or checkpoints are damaged, or are another's, ends in a line, or is passed over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from monaiseg.cli import main
from monaiseg.engine.checkpoint import LAST, PREVIOUS


@pytest.fixture
def run(trained: SimpleNamespace, here: Path) -> Path:
    """A copy of a run of two epochs, among `runs`, that looks as if it had been interrupted."""
    run = Path(shutil.copytree(trained.run, here / "runs" / "run"))
    edit(run / "run.json", {"status": "interrupted"})
    return run


def edit(path: Path, facts: dict[str, Any]) -> None:
    path.write_text(
        json.dumps({key: fact for key, fact in (json.loads(path.read_text()) | facts).items() if fact != GONE})
    )


GONE = object()


def state(run: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change what `last.pt` holds, and leave none before it."""
    (run / PREVIOUS).unlink(missing_ok=True)
    content = torch.load(run / LAST, weights_only=True)
    change(content)
    torch.save(content, run / LAST)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    err = capsys.readouterr().err
    assert "Traceback" not in err and err.count("error") == 1
    return err.splitlines()[-1]


def refused(capsys: pytest.CaptureFixture[str], run: Path) -> str:
    """Go on with a run and return the line with which that ends; nothing that it recorded may be another."""
    before = {path: path.read_bytes() for path in run.iterdir() if path.suffix in (".json", ".yaml", ".csv")}
    assert main(["resume", str(run), "--epochs", "3"]) == 2
    line = told(capsys)
    assert line.endswith(("start a new run", "give another run"))
    assert {path: path.read_bytes() for path in before} == before
    return line


SMALL = (
    "--arch_options {'features':(4,8,16)} --epochs 2 --roi_size 32 --batch_size 4 --lr 0.01 --device cpu --amp False "
    "--val_interval 1"
).split()
"""As the run was trained."""

RECORDS = {
    "its status is 1": {"status": 1},
    "has no bundle": {"bundle": GONE},
    "its bundle is 5": {"bundle": 5},
    "its epochs_done is 'x'": {"epochs_done": "x"},
    "its resumed is 3": {"resumed": 3},
    "its resumed is [3]": {"resumed": [3]},
    "its settings is 'x'": {"settings": "x"},
    "its versions is []": {"versions": []},
}


@pytest.mark.parametrize("fault", RECORDS)
def test_a_record_that_is_none_is_told(fault: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(run / "run.json", RECORDS[fault])
    assert f"error: {run / 'run.json'}: {fault}; restore it" in refused(capsys, run)


@pytest.mark.parametrize(
    ("text", "fault"),
    [("a: [", "is no YAML"), ("- 1", "holds list"), ("!!int ''", "cannot be read"), ("a: &a [*a]", "")],
)
def test_a_configuration_that_is_none_is_told(text: str, fault: str, run: Path, capsys) -> None:
    (run / "config.yaml").write_text(text)
    assert main(["resume", str(run)]) == 2
    line = told(capsys)
    assert line.startswith(f"monaiseg: error: {run / 'config.yaml'}") and fault in line


STATES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "is not the whole state of a training (has no table); there is no previous.pt": lambda state: state.pop("table"),
    "is not the whole state of a training (its epoch is 'x')": lambda state: state.update(epoch="x"),
    "has the weights of another network (none for ": lambda state: state.update(network={"a": torch.zeros(2)}),
}


@pytest.mark.parametrize("fault", STATES)
def test_a_state_that_is_none_is_told(fault: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state(run, STATES[fault])
    assert f"{run / LAST}: {fault}" in refused(capsys, run)


LATE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "Error(s) in loading state_dict": lambda state: state.update(
        network={f"x{name}": value for name, value in state["network"].items()}
    ),
    "the schedule has no total_steps": lambda state: state["scheduler"].update(schedule={"last_epoch": 1}),
    "the schedule's base_lrs is 1": lambda state: state["scheduler"]["schedule"].update(base_lrs=1),
    "loaded state dict": lambda state: state["optimizer"].update(param_groups=[]),
    "'measures'": lambda state: state["best"].update(scores={}),
    "'int' object has no attribute 'tolist'": lambda state: state["table"]["epoch"].update(overlap=1),
    "RNG state": lambda state: state["random"][0].update(torch=torch.zeros(3, dtype=torch.uint8)),
}


@pytest.mark.parametrize("fault", LATE)
def test_what_a_part_has_against_its_state_is_told(fault: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state(run, LATE[fault])
    assert main(["resume", str(run), "--epochs", "2"]) == 2
    line = told(capsys)
    assert line.startswith(f"monaiseg: error: {run / LAST}: cannot be gone on with (") and fault in line
    assert line.endswith("; restore it, or start a new run")


def test_auto_passes_over_all_of_them(run: Path, trained: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """And tells of each why; the one that is whole is gone on with."""
    faults = {}
    for number, fault in enumerate(RECORDS):
        faults[Path("runs", f"run-{number}")] = fault
        edit(Path(shutil.copytree(run, f"runs/run-{number}"), "run.json"), RECORDS[fault])
    for number, fault in enumerate(STATES):
        faults[Path("runs", f"run-state-{number}")] = fault
        state(Path(shutil.copytree(run, f"runs/run-state-{number}")), STATES[fault])
    shutil.copytree(run, "runs/run-config")
    Path("runs/run-config/config.yaml").write_text("a: [")
    faults[Path("runs/run-config")] = "is no YAML"
    flags = json.loads((run / "run.json").read_text())["config"]
    config = [
        part
        for key in ("arch_options", "roi_size", "batch_size", "lr", "amp")
        for part in (f"--{key}", str(flags[key]))
    ]
    data = ["--data_root", str(trained.data), "--device", "cpu", "--val_interval", "1"]
    assert main(["train", "unetpp", *data, *config, "--resume", "auto", "--epochs", "2"]) == 0
    out = capsys.readouterr().out
    for path, fault in faults.items():
        assert any(line.startswith(f"resume: not {path}: ") and fault in line for line in out.splitlines()), path
    assert "resumed: runs/run after" in out
