"""Schedules as they are built: names, defaults, units, and what is refused."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD, lr_scheduler

from monaiseg.engine import build_scheduler
from monaiseg.engine.torch_schedules import SCHEDULERS
from monaiseg.errors import ConfigError


def built(name: str, epochs: int = 4, batches: int = 5, **more: Any) -> Any:
    """A schedule and its optimizer."""
    optimizer = SGD(nn.Linear(1, 1).parameters(), lr=0.5, momentum=0.9)
    return build_scheduler(name, optimizer, epochs, batches, **more), optimizer


def rates(name: str, epochs: int = 4, batches: int = 5, **more: Any) -> list[float]:
    """The rate of each of `epochs * batches` turns."""
    scheduler, optimizer = built(name, epochs, batches, **more)
    return [turn(scheduler, optimizer, number) for number in range(epochs * batches)]


def turn(scheduler: Any, optimizer: Any, number: int) -> float:
    """Move on by one, a plateau with a score that rises and falls; return the rate there was."""
    rate: float = optimizer.param_groups[0]["lr"]
    optimizer.step()
    scheduler.step(*[math.sin(number)] * isinstance(scheduler, lr_scheduler.ReduceLROnPlateau))
    return rate


def test_constant() -> None:
    assert set(rates("constant")) == {0.5}


def test_cosine() -> None:
    assert rates("cosine") == pytest.approx([0.25 * (1 + math.cos(math.pi * t / 20)) for t in range(20)])


def test_polynomial() -> None:
    assert rates("polynomial") == pytest.approx([0.5 * (1 - t / 20) ** 0.9 for t in range(20)])


def test_onecycle_peaks_early_and_ends_near_zero() -> None:
    seen = rates("onecycle")
    assert max(seen) == pytest.approx(0.5, rel=0.05)
    assert seen.index(max(seen)) <= 2
    assert seen[0] < 0.05
    assert seen[-1] < 0.01


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5, 30])
def test_defaults_that_count_epochs(epochs: int) -> None:
    tenths = [round(math.log10(0.5 / rate)) for rate in rates("multistep", epochs, 1)]
    assert tenths == [(t >= epochs / 2) + (t >= 3 * epochs / 4) for t in range(epochs)]
    thirds = [round(math.log10(0.5 / rate)) for rate in rates("StepLR", epochs, 1)]
    assert thirds == [t // math.ceil(epochs / 3) for t in range(epochs)]
    scheduler, optimizer = built("ExponentialLR", epochs)
    for number in range(epochs):
        turn(scheduler, optimizer, number)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.005)


@pytest.mark.parametrize("batches", [1, 2, 8, 9, 10])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_schedule_survives_its_last_step(name: str, batches: int) -> None:
    seen = rates(name, epochs=1, batches=batches)
    assert len(seen) == batches and 0 <= min(seen) <= max(seen) <= 0.5


@pytest.mark.parametrize("name", ["cosine", "onecycle", "polynomial", "warm_restarts", "LinearLR", "ConstantLR"])
@given(st.integers(1, 6), st.integers(1, 20), st.integers(1, 6))
def test_with_accumulation_it_is_that_of_fewer_batches(name: str, epochs: int, batches: int, accumulate: int) -> None:
    fewer = -(-batches // accumulate)
    states = [
        built(name, epochs, batches, accumulate=accumulate)[0].state_dict(),
        built(name, epochs, fewer)[0].state_dict(),
    ]
    assert states[0] == states[1]


@pytest.mark.parametrize(
    ("name", "options", "state"),
    [
        ("cosine", {"T_max": 3, "eta_min": 0.1}, {"T_max": 9, "eta_min": 0.1}),
        ("warm_restarts", {"T_0": 2, "T_mult": 3}, {"T_0": 6, "T_mult": 3}),
        ("polynomial", {"total_iters": 2, "power": 1}, {"total_iters": 6, "power": 1}),
        ("LinearLR", {"total_iters": 2, "start_factor": 0.1}, {"total_iters": 6, "start_factor": 0.1}),
        ("LinearLR", {}, {"total_iters": 15, "start_factor": 1 / 3, "end_factor": 1.0}),
        ("ConstantLR", {}, {"total_iters": 15, "factor": 1 / 3}),
        ("warm_restarts", {}, {"T_0": 3}),
        ("StepLR", {"step_size": 2, "gamma": 0.5}, {"step_size": 2, "gamma": 0.5}),
        ("multistep", {"milestones": [1, 3]}, {"milestones": {1: 1, 3: 1}}),
        ("plateau", {"patience": 1, "min_lr": 0.01}, {"patience": 1, "min_lrs": [0.01], "mode": "max", "factor": 0.5}),
        ("onecycle", {"pct_start": 0.5, "cycle_momentum": True}, {"total_steps": 13, "cycle_momentum": True}),
    ],
)
def test_lengths_are_told_in_epochs(name: str, options: dict[str, Any], state: dict[str, Any]) -> None:
    """Of three steps, of two batches or one."""
    scheduler, _ = built(name, epochs=4, batches=5, accumulate=2, options=options)
    assert {key: scheduler.state_dict()[key] for key in state} == state


@pytest.mark.parametrize("at", [1, 7, 13, 19])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_an_interrupted_schedule_goes_on_as_if_it_had_not_been(name: str, at: int) -> None:
    """What is kept is read back without unpickling code."""
    scheduler, optimizer = built(name)
    for number in range(at):
        turn(scheduler, optimizer, number)
    file = io.BytesIO()
    torch.save([scheduler.state_dict(), optimizer.state_dict()], file)
    file.seek(0)
    kept = torch.load(file, weights_only=True)
    again, other = built(name)
    again.load_state_dict(kept[0])
    other.load_state_dict(kept[1])
    rest = [turn(again, other, number) for number in range(at, 20)]
    assert rest == [turn(scheduler, optimizer, number) for number in range(at, 20)]
    assert other.param_groups[0] | {"params": None} == optimizer.param_groups[0] | {"params": None}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cosin", {}, "scheduler is 'cosin'; did you mean 'cosine'"),
        ("LambdaLR", {}, "scheduler is 'LambdaLR'"),
        (None, {}, "scheduler is None"),
        ("cosine", {"T_mx": 3}, "scheduler_options: cosine has no option 'T_mx'; did you mean 'T_max'"),
        ("cosine", {"eta_min": "1e-5"}, "scheduler_options: eta_min is '1e-5'; it must be a number.*write 1.0e-3"),
        ("cosine", {"T_max": 2.5}, "scheduler_options: T_max is 2.5; it must be a whole number from 1"),
        ("StepLR", {"step_size": 0}, "scheduler_options: step_size is 0"),
        ("ExponentialLR", {"gamma": "0.9"}, "scheduler_options: gamma is '0.9'"),
        ("multistep", {"milestones": 50}, r"milestones is 50; it must be a list of epochs such as \[50, 80\]"),
        ("multistep", {"milestones": ["50"]}, "milestones is '50'; it must be a whole number from 1"),
        ("multistep", {"milestones": [0]}, "milestones is 0"),
        ("constant", {"factor": 2}, "scheduler_options: constant has no option 'factor'; there is none"),
        ("onecycle", {"max_lr": 1}, "'max_lr' is settled by the rest of the bundle; leave it out"),
        (
            "onecycle",
            {"pct_start": 2.0},
            "scheduler 'onecycle': torch refuses .*pct_start 2.0.*: Expected float between",
        ),
        ("onecycle", {"anneal_strategy": "sin"}, "anneal_strategy 'sin'.*anneal_strategy must"),
        ("onecycle", {"div_factor": 0}, "div_factor 0: float division by zero"),
        ("plateau", {"mode": "min"}, "'mode' is settled"),
        ("plateau", {"factor": 1.0}, "factor 1.0, patience 3: Factor should be < 1.0"),
        ("warm_restarts", {"T_mult": 0}, "T_mult 0: Expected integer T_mult >= 1"),
        ("cosine", "T_max", "scheduler_options is 'T_max'; it must be a mapping"),
    ],
)
def test_refused(name: Any, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        built(name, options=options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("epochs", [0, 2.0])
def test_epochs_are_checked(epochs: Any) -> None:
    with pytest.raises(ConfigError, match="epochs is"):
        built("cosine", epochs)
