"""Learning-rate schedules by torch's names, with lengths in epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from monaiseg._numbers import count
from monaiseg.engine.passed_on import made_with, merged_options
from monaiseg.errors import ConfigError, suggest

WORDS: dict[str, type[LRScheduler]] = {
    "constant": lr_scheduler.LambdaLR,
    "cosine": lr_scheduler.CosineAnnealingLR,
    "multistep": lr_scheduler.MultiStepLR,
    "onecycle": lr_scheduler.OneCycleLR,
    "plateau": lr_scheduler.ReduceLROnPlateau,
    "polynomial": lr_scheduler.PolynomialLR,
    "warm_restarts": lr_scheduler.CosineAnnealingWarmRestarts,
}
"""Short names."""

SCHEDULERS: dict[str, type[LRScheduler]] = {
    **WORDS,
    **{kind.__name__: kind for word, kind in WORDS.items() if word != "constant"},
    "ConstantLR": lr_scheduler.ConstantLR,
    "ExponentialLR": lr_scheduler.ExponentialLR,
    "LinearLR": lr_scheduler.LinearLR,
    "StepLR": lr_scheduler.StepLR,
}
"""All names, also torch's own."""

LENGTHS = ("T_0", "T_max", "step_size", "total_iters")
"""Options that are numbers of epochs; torch counts all but `step_size` in steps of the optimizer here."""

SETTLED = (
    *("optimizer", "last_epoch", "lr_lambda", "mode"),
    *("max_lr", "total_steps", "epochs", "steps_per_epoch"),
)
"""Arguments that are no options."""


def build_scheduler(
    name: str,
    optimizer: Optimizer,
    epochs: int,
    batches: int,
    accumulate: int = 1,
    options: Mapping[str, Any] | None = None,
) -> LRScheduler:
    """Return torch's schedule, which `ScheduledRate` moves on.

    Args:
        name: one of `SCHEDULERS`; docs/optimizing.md says what each does.
        optimizer: whose rate it sets.
        epochs: how long the training is.
        batches: how many an epoch has.
        accumulate: how many of them make a step of the optimizer.
        options: what torch's class is told beyond our defaults, lengths in epochs, such as `{'milestones': [50, 80]}`.

    Raises:
        ConfigError: there is no such schedule, it has no such option or cannot use its value.
    """
    if not isinstance(name, str) or name not in SCHEDULERS:
        raise ConfigError(f"scheduler is {name!r}{suggest(str(name), SCHEDULERS)}")
    kind, options = SCHEDULERS[name], {} if options is None else options
    per_epoch = math.ceil(batches / accumulate)
    rates = [group["lr"] for group in optimizer.param_groups]
    defaults = _defaults(kind, count("epochs", epochs), per_epoch, rates)
    told = merged_options("scheduler_options", name, kind, options, defaults, SETTLED) | _lengths(options, per_epoch)

    def make(**options: Any) -> LRScheduler:
        scheduler: LRScheduler = kind(optimizer, **options)
        return scheduler

    return made_with(f"scheduler {name!r}", make, told)


def _defaults(kind: type, epochs: int, per_epoch: int, rates: list[float]) -> dict[str, Any]:
    """Return what a schedule is told where torch has no default, or none that suits a training of so many steps."""
    steps = epochs * per_epoch
    # One step more than there are: the schedule is moved on after the last one too.
    # A warm-up of less than two steps would divide by zero inside torch.
    cycle = {"max_lr": rates, "total_steps": steps + 1, "pct_start": max(0.1, 2 / (steps + 1)), "cycle_momentum": False}
    defaults: dict[type, dict[str, Any]] = {
        lr_scheduler.ConstantLR: {"total_iters": 5 * per_epoch},
        lr_scheduler.CosineAnnealingLR: {"T_max": steps},
        lr_scheduler.CosineAnnealingWarmRestarts: {"T_0": math.ceil(steps / 4)},
        lr_scheduler.ExponentialLR: {"gamma": 0.01 ** (1 / epochs)},
        lr_scheduler.LambdaLR: {"lr_lambda": lambda step: 1.0},
        lr_scheduler.LinearLR: {"total_iters": 5 * per_epoch},
        lr_scheduler.MultiStepLR: {"milestones": [math.ceil(epochs / 2), math.ceil(3 * epochs / 4)]},
        lr_scheduler.OneCycleLR: cycle,
        lr_scheduler.PolynomialLR: {"total_iters": steps, "power": 0.9},
        lr_scheduler.ReduceLROnPlateau: {"mode": "max", "factor": 0.5, "patience": 3},
        lr_scheduler.StepLR: {"step_size": math.ceil(epochs / 3)},
    }
    return defaults[kind]


def _lengths(options: Mapping[str, Any], per_epoch: int) -> dict[str, Any]:
    """Return the options that are numbers of epochs, checked, in the unit in which the schedule is moved on."""
    lengths: dict[str, Any] = {}
    for key, value in options.items():
        named = f"scheduler_options: {key}"
        if key in LENGTHS:
            lengths[key] = count(named, value) * (1 if key == "step_size" else per_epoch)
        if key == "milestones":
            if not isinstance(value, list | tuple):
                raise ConfigError(f"{named} is {value!r}; it must be a list of epochs such as [50, 80]")
            lengths[key] = [count(named, epoch) for epoch in value]
    return lengths
