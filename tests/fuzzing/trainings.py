"""The parts of a small training without data, to save and to go on with its state."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from monaiseg.engine.checkpoint import LAST, as_bytes
from monaiseg.engine.handlers import BestScores
from monaiseg.engine.report import EarlyStopping, Report
from monaiseg.engine.resuming import Checkpoints
from monaiseg.engine.schedule import ScheduledRate
from monaiseg.engine.stopping import StopSignals
from monaiseg.engine.training_table import TrainingTable

EPOCHS, STEPS = 4, 3
ROW = {"epoch": 1, "lr": 0.1, "train_loss": 0.5, "train_dice": 0.25}
SUMS = {"epoch": 2, "lr": 0.1, "steps": 2, "loss": torch.tensor(0.5), "overlap": torch.tensor([1, 2])}


class SmallTraining:
    """Has the parts that `TrainingHandlers` keeps, as they are before the first step."""

    def __init__(self, folder: Path) -> None:
        self.run = SimpleNamespace(path=folder, checkpoint=None, notes=[], record=lambda **facts: None)
        self.network, self.trainer, evaluator = nn.Linear(2, 1), Engine(lambda *_: None), Engine(lambda *_: None)
        evaluator.state.best_metric, evaluator.state.best_metric_epoch = -1, -1
        self.trainer.data_loader = None
        self.trainer.state.max_epochs, self.trainer.state.epoch_length = EPOCHS, STEPS
        self.trainer.state.epoch, self.trainer.state.iteration = 2, STEPS + 2
        self.optimizer = optimizer = torch.optim.SGD(self.network.parameters(), 0.1, momentum=0.9)
        self.schedule = schedule = ScheduledRate(OneCycleLR(optimizer, 0.1, EPOCHS * STEPS), evaluator)
        schedule.attach(self.trainer)
        self.table = TrainingTable(folder, evaluator, optimizer)
        self.table.rows, self.table._epoch = [ROW], SUMS
        stopping = EarlyStopping(1, evaluator)
        parts: dict[str, Any] = {"network": self.network, "optimizer": optimizer, "scheduler": schedule}
        parts |= {"scaler": torch.amp.GradScaler("cpu", enabled=False), "best": BestScores(evaluator)}
        parts |= {"table": self.table, "early_stopping": stopping, "report": Report(self.run, evaluator)}
        self.checkpoints = Checkpoints(
            self.run,
            evaluator,
            parts,
            minutes=0,
            signals=StopSignals(),
            check=lambda: None,
            accumulate=1,
            resumed=stopping.resumed,
        )
        self.checkpoints.attach(self.trainer)

    def written(self) -> list[bytes]:
        """Return the files of a state: without the states of random generators, which are most of it, and with."""
        for _ in range(STEPS + 2):
            self.network(torch.ones(1, 2)).sum().backward()
            self.optimizer.step()
            self.schedule.scheduler.step()
        self.checkpoints.save(self.trainer, epoch_ended=False)
        whole = torch.load(self.run.path / LAST, weights_only=True)
        return [as_bytes(whole | {"random": []}), as_bytes(whole)]

    def go_on(self, state: dict[str, Any]) -> None:
        """Put back a state, and take it again."""
        self.run.checkpoint = state
        self.trainer.fire_event(Events.STARTED)
        for part in self.checkpoints.parts.values():
            part.state_dict()
