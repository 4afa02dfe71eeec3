"""Ends a training whose loss or weights are no numbers any more, before such weights are kept or validated."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import nn

from monaiseg.engine.checkpoint import LAST
from monaiseg.engine.report import Recorder
from monaiseg.errors import TrainingError

BEHIND = 8
"""Steps after which a GPU has a loss, so that looking at it does not wait."""

NAMED = 8
"""Cases of a batch that a message names."""


MEND = "lower --lr, set --clip 1.0, or compute in float32 with --amp False"


class FiniteLoss:
    """Of a trainer: raises where a loss is NaN or infinite, and names the cases of its batch; or where a weight is so.

    On a GPU, which computes behind the program, a loss is looked at some steps later.
    """

    def __init__(self, run_folder: Recorder, network: nn.Module) -> None:
        self.run_folder = run_folder
        self.network = network
        self._waiting: deque[tuple[str, list[str], _Fetched]] = deque()

    def attach(self, trainer: Engine) -> None:
        """Look after each step; attach it before the handlers that save."""
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda _: self.settle())

    def __call__(self, trainer: Engine) -> None:
        """Look at the loss of this step, or of one that a GPU has by now."""
        state = trainer.state
        loss: torch.Tensor = state.output["loss"]
        self._waiting.append((f"step {state.iteration} (epoch {state.epoch})", _ids(state.batch), _Fetched(loss)))
        self._look(BEHIND if loss.is_cuda else 0)

    def settle(self) -> None:
        """Look at all losses and weights.

        Raises:
            TrainingError: one is no number.
        """
        self._look(0)
        weights = [weight.isfinite().all() for weight in self.network.parameters()]
        if weights and not torch.stack(weights).all():
            raise TrainingError(f"weights are no numbers, though the loss was one: {MEND}; {self._good()}")

    def _look(self, behind: int) -> None:
        while len(self._waiting) > behind:
            step, ids, loss = self._waiting.popleft()
            value = loss.value()
            if not math.isfinite(value):
                raise TrainingError(self._told(value, step, ids))

    def _told(self, value: float, step: str, ids: list[str]) -> str:
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        return f"the loss is {value} at {step}, cases {', '.join(ids[:NAMED])}{more}: {MEND}; {self._good()}"

    def _good(self) -> str:
        kept = self.run_folder.path / LAST
        return f"the last good state is {kept}" if kept.exists() else "nothing was saved before"


class _Fetched:
    """A number on its way from the device."""

    def __init__(self, number: torch.Tensor) -> None:
        self._number, self._event = number, None
        if number.is_cuda:
            self._number = torch.empty(number.shape, dtype=number.dtype, pin_memory=True)
            self._number.copy_(number, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()

    def value(self) -> float:
        """Wait for it, if need be, and return it."""
        if self._event is not None:
            self._event.synchronize()
        return float(self._number)


def _ids(batch: Any) -> list[str]:
    return [str(name) for name in batch.get("id", ())] if isinstance(batch, Mapping) else []
