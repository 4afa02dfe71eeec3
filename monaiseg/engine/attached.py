"""The handlers that every bundle's trainer and evaluator have, in the order in which they depend on each other."""

from __future__ import annotations

from typing import Any

import torch
from ignite.engine import Engine
from monai.handlers import LrScheduleHandler, TensorBoardStatsHandler

from monaiseg.data import FOREGROUND, Classes
from monaiseg.engine.handlers import BestModel, LastState, ValidationBoard
from monaiseg.engine.progress import ProgressBar
from monaiseg.engine.report import EarlyStopping, Recorder, Report
from monaiseg.engine.validation import IntervalValidation
from monaiseg.metrics import CaseScores


class TrainingHandlers:
    """Of a trainer: progress, the rate's schedule, validation, TensorBoard, `last.pt`, early stopping, a report.

    Args:
        run_folder: where the run is recorded.
        evaluator: validates, every `val_interval` epochs.
        network: the network, whose state is kept; `optimizer` and `scheduler` likewise.
        classes: what the labels' first channels are.
        early_stopping: evaluations without a better score after which to stop; 0: never.
    """

    def __init__(
        self,
        run_folder: Recorder,
        evaluator: Engine,
        network: torch.nn.Module,
        optimizer: Any,
        scheduler: Any,
        val_interval: int,
        early_stopping: int,
        classes: Classes = FOREGROUND,
    ) -> None:
        folder = run_folder.path
        self.handlers: list[Any] = [
            ProgressBar(description="epoch"),
            LrScheduleHandler(scheduler, print_lr=False, epoch_level=False),
            IntervalValidation(validator=evaluator, interval=val_interval),
            TensorBoardStatsHandler(
                log_dir=str(folder), tag_name="train/loss", output_transform=lambda output: output["loss"]
            ),
            LastState(folder, evaluator, network, optimizer, scheduler, classes),
            EarlyStopping(patience=early_stopping, evaluator=evaluator),
            Report(run_folder, evaluator),
        ]

    def attach(self, trainer: Engine) -> None:
        """Attach all, in this order."""
        for handler in self.handlers:
            handler.attach(trainer)


class ValidationHandlers:
    """Of an evaluator: progress, the best weights in `model.pt`, TensorBoard with pictures."""

    def __init__(self, run_folder: Recorder, network: torch.nn.Module, scores: CaseScores) -> None:
        folder = run_folder.path
        self.handlers: list[Any] = [
            ProgressBar(description="validation"),
            BestModel(folder=folder, network=network, scores=scores),
            ValidationBoard(folder=folder, classes=scores.classes),
        ]

    def attach(self, evaluator: Engine) -> None:
        """Attach all, in this order."""
        for handler in self.handlers:
            handler.attach(evaluator)
