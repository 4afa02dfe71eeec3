"""What a training comes to, epoch by epoch: `metrics.csv`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch.optim import Optimizer

from monaiseg._files import write_table
from monaiseg._ranks import gathered, is_writer, world
from monaiseg.data import FOREGROUND, Classes

COLUMNS = ("epoch", "lr", "train_loss", "train_dice")
"""Of every training; the means of the validation's table follow."""


AT_START: dict[str, Any] = {"steps": 0, "loss": 0.0, "overlap": 0}
"""What is added up of an epoch, at its start."""


class TrainingTable:
    """Of a trainer: writes `metrics.csv`, a row an epoch without times, and sets `trainer.state.train_loss`.

    `train_dice` is that of all the crops of the epoch as one, at threshold 0.5: of what the network was trained on.

    Args:
        folder: where the table is written.
        evaluator: whose scores are in the rows of epochs that it validated.
        optimizer: whose rate at an epoch's start is in its row.
        classes: what the labels' first channels are.
    """

    def __init__(self, folder: Path, evaluator: Engine, optimizer: Optimizer, classes: Classes = FOREGROUND) -> None:
        self.folder = folder
        self.evaluator = evaluator
        self.optimizer = optimizer
        self.classes = len(classes)
        self.rows: list[dict[str, Any]] = []
        self._epoch: dict[str, Any] = {"epoch": 0}

    def attach(self, trainer: Engine) -> None:
        """Add up as it goes, write at the end of each epoch; attach it after the handlers that evaluate."""
        trainer.add_event_handler(Events.EPOCH_STARTED, self._start)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self)

    def state_dict(self) -> dict[str, Any]:
        """Return the rows, and what was added up of the epoch, by all processes."""
        return {"rows": list(self.rows), "epoch": self._together()}

    def load_state_dict(self, kept: Mapping[str, Any]) -> None:
        """Put them back, sums on the device of the weights: the writer has those of all.

        Raises:
            ValueError, TypeError, AttributeError, ZeroDivisionError: the sums come to no row.
        """
        _means(kept["epoch"])
        device = self.optimizer.param_groups[0]["params"][0].device
        sums = {key: value.to(device) for key, value in kept["epoch"].items() if isinstance(value, torch.Tensor)}
        self.rows, self._epoch = list(kept["rows"]), kept["epoch"] | (sums if is_writer() else AT_START)

    def _start(self, trainer: Engine) -> None:
        if self._epoch["epoch"] != trainer.state.epoch:  # else it was begun before the training was resumed
            lr = self.optimizer.param_groups[0]["lr"]
            self._epoch = {"epoch": trainer.state.epoch, "lr": float(lr)} | AT_START

    def _add(self, trainer: Engine) -> None:
        output, epoch = trainer.state.output, self._epoch
        epoch["steps"] += 1
        # Twice the bits: the sum of a few losses is exact, so that it is the same whoever went on with it.
        epoch["loss"] = epoch["loss"] + output["loss"].double()
        epoch["overlap"] = epoch["overlap"] + training_overlap(output["pred"], output["label"][:, : self.classes])

    def __call__(self, trainer: Engine) -> None:
        """Write the table with the row of the epoch."""
        state, epoch = trainer.state, self._together()
        state.train_loss, dice = _means(epoch)
        row = {"epoch": state.epoch, "lr": epoch["lr"], "train_loss": state.train_loss, "train_dice": dice}
        validated = self.evaluator.state.epoch == state.epoch
        self.rows.append(row | (self.evaluator.state.metrics if validated else {}))
        columns = dict.fromkeys(key for columns in (COLUMNS, *self.rows) for key in columns)
        if is_writer():
            write_table(self.folder / "metrics.csv", list(columns), self.rows)

    def _together(self) -> dict[str, Any]:
        """Return what was added up of the epoch, with that of the other processes."""
        if world() == 1 or "steps" not in self._epoch:
            return dict(self._epoch)
        each = gathered([torch.as_tensor(self._epoch[key]).cpu() for key in AT_START])
        return self._epoch | {key: sum(values) for key, values in zip(AT_START, zip(*each, strict=True), strict=True)}


def _means(epoch: Mapping[str, Any]) -> tuple[float, float]:
    """Return the loss and the Dice of what was added up of an epoch."""
    twice, sizes = epoch["overlap"].tolist()
    return float(epoch["loss"]) / int(epoch["steps"]), twice / sizes if sizes else 1.0


def training_overlap(pred: Any, label: torch.Tensor) -> torch.Tensor:
    """Return twice the pixels that prediction and label share, and the sum of their sizes, `[2]` on the device.

    pred: logits as a network gives them in training, of which the main output's first K channels count; label: `[B, K,
    *spatial]`.
    """
    logits = pred["logits"] if isinstance(pred, dict) else pred
    main = logits[0] if isinstance(logits, list) else logits
    found, truth = main[:, : label.shape[1]] > 0, label > 0
    return torch.stack([2 * (found & truth).sum(), found.sum() + truth.sum()])
