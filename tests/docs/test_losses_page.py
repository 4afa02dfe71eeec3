"""The page about losses: its tables are the code's, and what it shows trains."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from monai.bundle import ConfigParser

from monaiseg.cli import main
from monaiseg.losses import LOSSES

PAGE = (Path(__file__).parents[2] / "docs" / "losses.md").read_text()
FLAGS = "--arch_options {'features':(2,4)} --epochs 1 --roi_size 32 --batch_size 4 --device cpu --amp False".split()


def table(heading: str) -> dict[str, list[str]]:
    """Return the rows of the first table under a heading, by the loss they are about."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {row[0].strip("`"): row[1:] for row in rows[2:]}


def test_the_table_of_losses_is_the_codes() -> None:
    rows = table("All of them")
    assert list(rows) == list(LOSSES)
    assert {name: row[:2] for name, row in rows.items()} == {n: [e.summary, e.paper] for n, e in LOSSES.items()}


def test_the_table_of_options_is_the_codes() -> None:
    def plain(value: Any) -> Any:
        return getattr(value, "value", value)

    written = {name: re.findall(r"`(\w+): ([^`]+)`", row[0]) for name, row in table("Options").items()}
    ours = {name: [(key, str(plain(value))) for key, value in e.options().items()] for name, e in LOSSES.items()}
    assert written == ours


def test_what_is_said_to_learn_nothing_from_images_without_objects_does_so() -> None:
    (sentence,) = re.findall(r"\*\*Many images have no object:\*\* not (.*?)\. ", PAGE, re.DOTALL)
    logits = 0.5 * torch.randn(2, 1, 64, 64)
    mask = torch.zeros(2, 1, 64, 64)
    mask[..., 20:40, 15:35] = 1

    def pull(name: str, target: torch.Tensor) -> float:
        leaf = logits.clone().requires_grad_()
        LOSSES[name].make(name, {})(leaf, target).backward()
        assert leaf.grad is not None
        return float(leaf.grad.abs().sum())

    weak = {name for name in LOSSES if pull(name, 0 * mask) < 1e-5 * pull(name, mask)}
    assert weak == set(re.findall(r"`(\w+)`", sentence))


def trained(folder: Path, *arguments: str) -> dict[str, Any]:
    assert main(["train", *arguments, *FLAGS]) == 0
    (run,) = (path.parent for path in folder.glob("runs/*/run.json"))
    facts: dict[str, Any] = json.loads((run / "run.json").read_text())
    assert facts["status"] == "finished"
    return facts


def test_the_command_of_the_page_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs: Callable[..., Path]
) -> None:
    (line,) = re.findall(r"^monaiseg train (unetpp --loss .*)$", PAGE, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    facts = trained(tmp_path, *shlex.split(line), "--data_root", str(write_pairs(tmp_path / "data")))
    arguments = shlex.split(line)
    assert facts["config"]["loss"] == arguments[arguments.index("--loss") + 1]
    assert facts["config"]["loss_options"] == ast.literal_eval(arguments[-1])


def test_the_yaml_of_the_page_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs: Callable[..., Path]
) -> None:
    (fence,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    part = yaml.safe_load(fence)
    shape = {"_target_": "monaiseg.data.CaseShape", "spatial_dims": 2, "in_channels": 3, "out_channels": 2}
    loss = ConfigParser(part | {"shape": shape}).get_parsed_content("loss")
    logits, target = torch.randn(2, 2, 8, 8), (torch.rand(2, 2, 8, 8) > 0.5).float()
    assert torch.allclose(loss([logits, logits], target), loss(logits.double(), target))

    monkeypatch.chdir(tmp_path)
    assert main(["bundle", "copy", "unetpp", "mine"]) == 0
    config = yaml.safe_load(Path("mine/train.yaml").read_text())
    config["train"] |= part
    Path("mine/train.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    trained(tmp_path, "mine", "--data_root", str(write_pairs(tmp_path / "data")))
