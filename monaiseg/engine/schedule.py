"""The handler that moves a learning-rate schedule on."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ignite.engine import Engine, Events
from torch.optim.lr_scheduler import ExponentialLR, LRScheduler, MultiStepLR, ReduceLROnPlateau, StepLR

BY_EPOCH = (ExponentialLR, MultiStepLR, StepLR)
"""Moved on after epochs, as torch's users do; `ReduceLROnPlateau` is after validations, all others after each step of
the optimizer."""


class ScheduledRate:
    """Of a trainer: moves a schedule on, after steps of the optimizer, epochs or validations as torch's users do.

    A step that was skipped, as some are in float16, does not count.

    Args:
        scheduler: one of torch's. `ReduceLROnPlateau` is told the key score of each validation, those of `BY_EPOCH`
            count epochs, all others steps.
        evaluator: validates.
        accumulate: batches a step.
    """

    def __init__(self, scheduler: LRScheduler, evaluator: Engine, accumulate: int = 1) -> None:
        self.scheduler = scheduler
        self.evaluator = evaluator
        self.accumulate = accumulate
        self._plan: dict[str, int] = {}

    def attach(self, trainer: Engine) -> None:
        """Move on as the training goes."""
        steps = math.ceil(trainer.state.epoch_length / self.accumulate)
        self._plan = {"epochs": trainer.state.max_epochs, "steps_an_epoch": steps}
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.evaluator.add_event_handler(Events.COMPLETED, self._after_validation)
        elif isinstance(self.scheduler, BY_EPOCH):
            trainer.add_event_handler(Events.EPOCH_COMPLETED, self._after_epoch)
        else:
            trainer.add_event_handler(Events.ITERATION_COMPLETED, self._after_iteration)

    def state_dict(self) -> dict[str, Any]:
        """Return the schedule's state, as `torch.load(..., weights_only=True)` reads it, and how long it was to be."""
        return {"schedule": self.scheduler.state_dict(), **self._plan}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state, after the optimizer has; in a training of another length, where a new one would be.

        Raises:
            ValueError: it is the state of another schedule; torch would take it.
        """
        kept = state["schedule"]
        _check(kept, self.scheduler.state_dict())
        if isinstance(self.scheduler, ReduceLROnPlateau) or all(state[key] == self._plan[key] for key in self._plan):
            self.scheduler.load_state_dict(kept)
            return
        done = kept["last_epoch"]
        if not isinstance(self.scheduler, BY_EPOCH):
            done = done * self._plan["steps_an_epoch"] // state["steps_an_epoch"]
        print(f"resume: the rate goes on where it is after {done} steps of the schedule of this length")
        for group, lr in zip(self.scheduler.optimizer.param_groups, self.scheduler.get_last_lr(), strict=True):
            group["lr"] = lr
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the steps of the optimizer were made before
            for _ in range(done):
                self.scheduler.step()

    def _after_validation(self, evaluator: Engine) -> None:
        self.scheduler.step(evaluator.state.metrics[evaluator.state.key_metric_name])

    def _after_epoch(self, trainer: Engine) -> None:
        self.scheduler.step()

    def _after_iteration(self, trainer: Engine) -> None:
        # A step of another kind, such as MONAI's own, does not tell.
        if trainer.state.output.get("stepped", True):
            self.scheduler.step()


def _check(kept: dict[str, Any], own: dict[str, Any]) -> None:
    """Raise ValueError where an entry of a schedule's state is missing, or is not of the kind of this one's."""
    for key, value in own.items():
        if key not in kept:
            if not key.startswith("_"):  # of which other versions of torch have others
                raise ValueError(f"the schedule has no {key}")
        elif value is not None and kept[key] is not None and _kind(kept[key]) != _kind(value):
            raise ValueError(f"the schedule's {key} is {kept[key]!r:.40}")


def _kind(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
