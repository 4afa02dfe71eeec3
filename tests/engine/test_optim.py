"""Schedules, step by step."""

import math

import pytest
import torch
from torch import nn

from monaiseg.engine import build_optimizer, build_scheduler
from monaiseg.engine.optim import OPTIMIZERS, SCHEDULERS
from monaiseg.errors import ConfigError


def rates(name: str, epochs: int = 4, steps: int = 5) -> list[float]:
    optimizer = build_optimizer("SGD", nn.Linear(1, 1), 0.5)
    scheduler = build_scheduler(name, optimizer, epochs, steps)
    seen = []
    for _ in range(epochs * steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_constant():
    assert set(rates("constant")) == {0.5}


def test_cosine():
    assert rates("cosine") == pytest.approx([0.25 * (1 + math.cos(math.pi * t / 20)) for t in range(20)])


def test_polynomial():
    assert rates("polynomial") == pytest.approx([0.5 * (1 - t / 20) ** 0.9 for t in range(20)])


def test_onecycle_peaks_early_and_ends_near_zero():
    seen = rates("onecycle")
    assert max(seen) == pytest.approx(0.5, rel=0.05)
    assert seen.index(max(seen)) <= 2
    assert seen[0] < 0.05
    assert seen[-1] < 0.01


@pytest.mark.parametrize("steps", [1, 2, 8, 9, 10])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_schedule_survives_its_last_step(name, steps):
    assert len(rates(name, epochs=1, steps=steps)) == steps


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_torchs(name):
    layer = nn.Linear(1, 1)
    layer.bias.requires_grad_(False)
    optimizer = build_optimizer(name, layer, 0.1)
    assert type(optimizer) is getattr(torch.optim, name)
    assert [p is layer.weight for p in optimizer.param_groups[0]["params"]] == [True]


@pytest.mark.parametrize("lr", [0, -1, "1e-3", True])
def test_rates_that_are_no_rates(lr):
    with pytest.raises(ConfigError, match="lr is"):
        build_optimizer("SGD", nn.Linear(1, 1), lr)
