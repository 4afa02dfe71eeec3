"""Records of a run that somebody changed, or that are damaged, are told with their file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from monaiseg.bundle.trained import TrainedRun
from monaiseg.cli import main
from monaiseg.errors import ConfigError


@pytest.fixture
def run(trained: SimpleNamespace, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.run, tmp_path / "run"))


def edited(path: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("text", ["", "[" * 100_000, "[]", "\xff"])
@pytest.mark.parametrize("name", ["run.json", "split.json"])
def test_what_is_no_record(run: Path, name: str, text: str) -> None:
    (run / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=rf"^{run / name}: "):
        TrainedRun(str(run))


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("run.json", lambda facts: facts.pop("shape"), "has no shape"),
        ("run.json", lambda facts: facts["shape"].pop("in_channels"), "has no shape::in_channels"),
        ("run.json", lambda facts: facts["shape"].update(spatial_dims="2"), "its shape::spatial_dims is '2'"),
        ("run.json", lambda facts: facts["config"].pop("amp"), "has no config::amp"),
        ("split.json", lambda split: split["classes"].pop("keys"), "has no classes::keys"),
        ("split.json", lambda split: split["train"].append([1]), r"its train is \["),
        ("split.json", lambda split: split.update(image_files=None), "its image_files is None"),
        ("split.json", lambda split: split["classes"].update(names=["a\x1b"]), "holds what cannot be shown"),
    ],
)
def test_an_entry_that_is_gone_or_of_another_kind(run: Path, name: str, edit: Any, message: str) -> None:
    edited(run / name, edit)
    with pytest.raises(ConfigError, match=rf"^{run / name}: .*{message}"):
        TrainedRun(str(run))


@pytest.mark.parametrize(
    ("edit", "use"),
    [
        (lambda facts: facts["config"].update(amp="fast"), lambda run: run.settings("cpu")),
        (lambda facts: facts["settings"].update(roi_size="x"), lambda run: run.settings("cpu")),
        (lambda facts: facts["config"].update(instances=["bordr"]), lambda run: run.instance_plan()),
        (lambda facts: facts["best"].update(dice="x"), lambda run: run.expected_dice("same")),
    ],
    ids=["amp", "roi_size", "instances", "dice"],
)
def test_a_value_that_cannot_be_used(run: Path, edit: Any, use: Callable[[TrainedRun], object]) -> None:
    edited(run / "run.json", edit)
    with pytest.raises(ConfigError, match=rf"^{run / 'run.json'}: cannot be read "):
        use(TrainedRun(str(run)))


def test_weights_that_are_none_are_told(run: Path) -> None:
    for content in (b"", (run / "model.pt").read_bytes()[:-100]):
        (run / "model.pt").write_bytes(content)
        with pytest.raises(ConfigError, match=rf"^{run / 'model.pt'}: "):
            TrainedRun(str(run)).network()
    torch.save({"a": torch.ones(1)}, run / "model.pt")
    with pytest.raises(ConfigError, match=rf"^{run / 'model.pt'}: cannot be loaded into"):
        TrainedRun(str(run)).network()


def test_what_is_not_used_of_a_record_does_no_harm(run: Path) -> None:
    edited(run / "run.json", lambda facts: facts["shape"].update(further=1))
    assert TrainedRun(str(run)).read_case().in_channels == 3


def test_a_damaged_run_is_told_by_the_command(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "run.json").write_text("{")
    assert main(["evaluate", "--model", str(run)]) == 2
    assert capsys.readouterr().err.startswith(f"monaiseg: error: {run / 'run.json'}: cannot be read ")
