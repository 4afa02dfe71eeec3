"""The handlers that every bundle's trainer and evaluator have, in the order in which they depend on each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine
from monai.handlers import TensorBoardStatsHandler
from torch.utils.tensorboard import SummaryWriter

from monaiseg._ranks import is_writer
from monaiseg.data import FOREGROUND, Classes
from monaiseg.engine.finite import FiniteLoss
from monaiseg.engine.handlers import BestModel, BestScores, ValidationBoard
from monaiseg.engine.parallel import SharedBuffers
from monaiseg.engine.progress import ProgressBar
from monaiseg.engine.report import EarlyStopping, Recorder, Report
from monaiseg.engine.resuming import Checkpoints
from monaiseg.engine.schedule import ScheduledRate
from monaiseg.engine.settings import Settings
from monaiseg.engine.stopping import StopSignals
from monaiseg.engine.training_table import TrainingTable
from monaiseg.engine.validation import IntervalValidation
from monaiseg.metrics import CaseScores


class TrainingHandlers:
    """Of a trainer: signals, progress, schedule, validation, TensorBoard, `metrics.csv`, a report, `last.pt`.

    Args:
        run_folder: where the run is recorded.
        settings: how it computes.
        evaluator: validates, every `val_interval` epochs.
        network: the network, whose state is kept; `optimizer` and `scheduler` likewise.
        classes: what the labels' first channels are.
    """

    def __init__(
        self,
        run_folder: Recorder,
        settings: Settings,
        evaluator: Engine,
        network: torch.nn.Module,
        optimizer: Any,
        scheduler: Any,
        val_interval: int,
        classes: Classes = FOREGROUND,
    ) -> None:
        signals, finite = StopSignals(), FiniteLoss(run_folder, network)
        schedule = ScheduledRate(scheduler, evaluator, settings.accumulate)
        stopping = EarlyStopping(patience=settings.early_stopping, evaluator=evaluator)
        told: dict[str, Any] = {
            "table": TrainingTable(run_folder.path, evaluator, optimizer, classes),
            "early_stopping": stopping,
            "report": Report(run_folder, evaluator),
        }
        computed = {"network": network, "optimizer": optimizer, "scheduler": schedule, "scaler": settings.scaler}
        checkpoints = Checkpoints(
            run_folder,
            evaluator,
            parts={**computed, "best": BestScores(evaluator), **told},
            minutes=settings.checkpoint_minutes,
            signals=signals,
            check=finite.settle,
            accumulate=settings.accumulate,
            resumed=stopping.resumed,
        )
        self.handlers: list[Any] = [
            signals,
            ProgressBar(description="epoch"),
            SharedBuffers(network),
            finite,
            IntervalValidation(validator=evaluator, interval=val_interval),
            schedule,  # after the validation, so that one that is interrupted finds it where it was
            *([_board(run_folder.path, run_folder.checkpoint)] if is_writer() else []),
            *told.values(),
            checkpoints,
        ]

    def attach(self, trainer: Engine) -> None:
        """Attach all, in this order."""
        for handler in self.handlers:
            handler.attach(trainer)


def _board(folder: Path, kept: Mapping[str, Any] | None) -> TensorBoardStatsHandler:
    # What a later step wrote before the training was interrupted is left out of TensorBoard's curves.
    writer = SummaryWriter(str(folder), purge_step=None if kept is None else kept["iteration"] + 1)
    return TensorBoardStatsHandler(
        summary_writer=writer, tag_name="train/loss", output_transform=lambda output: output["loss"]
    )


class ValidationHandlers:
    """Of an evaluator: progress, the best weights in `model.pt`, TensorBoard with pictures."""

    def __init__(self, run_folder: Recorder, network: torch.nn.Module, scores: CaseScores) -> None:
        folder = run_folder.path
        self.handlers: list[Any] = [
            ProgressBar(description="validation"),
            BestModel(folder=folder, network=network, scores=scores),
            *([ValidationBoard(folder=folder, classes=scores.classes)] if is_writer() else []),
        ]

    def attach(self, evaluator: Engine) -> None:
        """Attach all, in this order."""
        for handler in self.handlers:
            handler.attach(evaluator)
