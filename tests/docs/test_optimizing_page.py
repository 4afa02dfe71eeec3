"""The page about optimizers and schedules: its table is the code's, and what it shows is taken."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from monaiseg.engine import Settings, build_optimizer, build_scheduler
from monaiseg.engine.optim import DEFAULTS, UNFIT
from monaiseg.engine.schedule import BY_EPOCH
from monaiseg.engine.torch_schedules import SCHEDULERS

PAGE = (Path(__file__).parents[2] / "docs" / "optimizing.md").read_text()
ROWS = [
    [cell.strip(" `") for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## Schedule")[2].partition("## Accumulation")[0].splitlines()
    if line.startswith("|")
][2:]


def test_the_table_of_schedules_is_the_codes() -> None:
    assert {name for row in ROWS for name in row[:2] if name} == set(SCHEDULERS)
    for word, own, _, unit in ROWS:
        kind = SCHEDULERS[own or word]
        assert kind is SCHEDULERS[word or own]
        by_epoch = "epochs" if issubclass(kind, BY_EPOCH) else "steps"
        assert unit == ("validations" if kind is ReduceLROnPlateau else by_epoch)


def test_the_optimizers_that_do_not_fit_and_the_defaults_are_the_codes() -> None:
    section = PAGE.partition("## Optimizer")[2].partition("## Schedule")[0]
    assert all(f"`{name}`" in section for name in UNFIT)
    for name, defaults in DEFAULTS.items():
        told = re.findall(r"`(\w+):\s([\w.]+)`", section.partition(f"`{name}` has ")[2])[: len(defaults)]
        assert {key: ast.literal_eval(value) for key, value in told} == defaults


def commands() -> list[dict[str, Any]]:
    block = PAGE.partition("```bash\n")[2].partition("```")[0]
    found = []
    for line in block.splitlines():
        words = shlex.split(line)[3:]
        keys = {flag.removeprefix("--"): value for flag, value in zip(words[::2], words[1::2], strict=True)}
        found.append({key: ast.literal_eval(v) if re.match(r"[\d{]", v) else v for key, v in keys.items()})
    return found


@pytest.mark.parametrize("keys", commands())
def test_what_it_shows_is_taken(keys: dict[str, Any]) -> None:
    network = nn.Linear(1, 1)
    optimizer = build_optimizer(
        keys.pop("optimizer", "AdamW"), network, keys.pop("lr", 0.1), keys.pop("optimizer_options", {})
    )
    build_scheduler(keys.pop("scheduler", "onecycle"), optimizer, 12, 5, options=keys.pop("scheduler_options", {}))
    Settings(spatial_dims=2, device="cpu", **keys)
