"""The schedules in a training: the rates of `metrics.csv` are those of torch's own, stepped by hand."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from stepping import batches, make_trainer
from torch import nn
from torch.optim import SGD, lr_scheduler

from monaiseg.engine import EvaluationStep, IntervalValidation, ScheduledRate, TrainingTable, build_scheduler
from monaiseg.engine.torch_schedules import SCHEDULERS
from monaiseg.metrics import CaseScores

EPOCHS, BATCHES, ACCUMULATE, STEPS = 20, 5, 2, 3
LR = 0.5
EVERY = 2
"""Epochs between validations."""

BY_HAND: dict[str, tuple[str, dict[str, Any], Callable[[Any], Any]]] = {
    "constant": ("step", {}, lambda o: lr_scheduler.LambdaLR(o, lambda step: 1.0)),
    "cosine": ("step", {}, lambda o: lr_scheduler.CosineAnnealingLR(o, 60)),
    "CosineAnnealingLR": ("step", {"T_max": 4, "eta_min": 0.1}, lambda o: lr_scheduler.CosineAnnealingLR(o, 12, 0.1)),
    "onecycle": (
        "step",
        {},
        lambda o: lr_scheduler.OneCycleLR(o, LR, 61, pct_start=0.1, cycle_momentum=False),
    ),
    "OneCycleLR": (
        "step",
        {"three_phase": True, "pct_start": 0.4, "anneal_strategy": "linear"},
        lambda o: lr_scheduler.OneCycleLR(o, LR, 61, None, None, 0.4, "linear", False, three_phase=True),
    ),
    "polynomial": ("step", {}, lambda o: lr_scheduler.PolynomialLR(o, 60, 0.9)),
    "PolynomialLR": ("step", {"power": 2, "total_iters": 8}, lambda o: lr_scheduler.PolynomialLR(o, 24, 2)),
    "warm_restarts": ("step", {}, lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 15)),
    "CosineAnnealingWarmRestarts": (
        "step",
        {"T_0": 2, "T_mult": 2},
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 6, 2),
    ),
    "LinearLR": ("step", {}, lambda o: lr_scheduler.LinearLR(o, total_iters=15)),
    "ConstantLR": ("step", {"factor": 0.5}, lambda o: lr_scheduler.ConstantLR(o, 0.5, 15)),
    "multistep": ("epoch", {}, lambda o: lr_scheduler.MultiStepLR(o, [10, 15])),
    "MultiStepLR": ("epoch", {"milestones": [3, 7], "gamma": 0.5}, lambda o: lr_scheduler.MultiStepLR(o, [3, 7], 0.5)),
    "StepLR": ("epoch", {"gamma": 0.3}, lambda o: lr_scheduler.StepLR(o, 7, 0.3)),
    "ExponentialLR": ("epoch", {"gamma": 0.9}, lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
    "plateau": ("validation", {}, lambda o: lr_scheduler.ReduceLROnPlateau(o, "max", 0.5, 3)),
    "ReduceLROnPlateau": (
        "validation",
        {"patience": 0, "factor": 0.7, "threshold": 0.01},
        lambda o: lr_scheduler.ReduceLROnPlateau(o, "max", 0.7, 0, 0.01),
    ),
}
"""When each is stepped, what the bundle is told, and what torch is."""


def trained(folder: Path, name: str, options: dict[str, Any]) -> list[dict[str, str]]:
    """The rows of `metrics.csv` of a training of twenty epochs."""
    loader = batches(BATCHES, 2)
    trainer = make_trainer(loader, epochs=EPOCHS, lr=LR, accumulate=ACCUMULATE)
    case = loader[0] | {"size": torch.tensor([[16, 16]] * 2), "id": ["a", "b"], "spacing": torch.ones(2, 2)}
    evaluator = SupervisedEvaluator(
        device=trainer.settings.device,
        val_data_loader=[case | {"baseline": case["label"]}],
        network=trainer.plain,
        iteration_update=EvaluationStep(trainer.settings),
        key_val_metric={"dice": CaseScores()},
        decollate=False,
    )
    scheduler = build_scheduler(name, trainer.optimizer, EPOCHS, BATCHES, ACCUMULATE, options)
    ScheduledRate(scheduler, evaluator).attach(trainer)
    IntervalValidation(EVERY, evaluator).attach(trainer)
    TrainingTable(folder, evaluator, trainer.optimizer).attach(trainer)
    trainer.run()
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_rate_of_each_epoch_is_torchs(name: str, tmp_path: Path) -> None:
    unit, options, make = BY_HAND[name]
    rows = trained(tmp_path, name, options)
    optimizer = SGD(nn.Linear(1, 1).parameters(), lr=LR)
    scheduler, expected = make(optimizer), []
    for row in rows:
        expected.append(optimizer.param_groups[0]["lr"])
        for _ in range(STEPS):
            optimizer.step()
            if unit == "step":
                scheduler.step()
        if unit == "epoch":
            scheduler.step()
        if unit == "validation" and row["dice"]:
            scheduler.step(float(row["dice"]))
    assert [float(row["lr"]) for row in rows] == expected
    assert len(rows) == EPOCHS and len(set(expected)) > (name != "constant")
    assert [bool(row["dice"]) for row in rows] == [False, True] * (EPOCHS // EVERY)


def test_another_step_than_ours_moves_the_schedule_each_time() -> None:
    """As MONAI's own, which does not tell whether the optimizer made a step."""
    ours = make_trainer([])
    trainer = SupervisedTrainer(
        device=ours.settings.device,
        max_epochs=1,
        train_data_loader=batches(5, 2),
        network=ours.plain,
        optimizer=ours.optimizer,
        loss_function=ours.loss_function,
        decollate=False,
    )
    scheduler = build_scheduler("cosine", trainer.optimizer, epochs=1, batches=5)
    ScheduledRate(scheduler, evaluator=trainer).attach(trainer)
    trainer.run()
    assert scheduler.last_epoch == 5


def test_its_state_is_torchs() -> None:
    trainer = make_trainer(batches(3, 2))
    scheduler = build_scheduler("cosine", trainer.optimizer, 1, 3)
    handler = ScheduledRate(scheduler, evaluator=trainer)
    handler.attach(trainer)
    trainer.run()
    again = build_scheduler("cosine", make_trainer([]).optimizer, 1, 3)
    ScheduledRate(again, evaluator=trainer).load_state_dict(handler.state_dict())
    assert again.state_dict() == scheduler.state_dict() and again.last_epoch == 3
