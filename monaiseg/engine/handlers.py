"""Handlers that write the run's files as training goes: the tables, the best model, the last state, the pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.handlers import TensorBoardHandler

from monaiseg._files import make_folder, write_bytes, write_table
from monaiseg.engine.overlays import draw_overlay, save_picture
from monaiseg.metrics import CaseScore, CaseScores

METRIC_COLUMNS = ("epoch", "lr", "train_loss", "dice", "iou", "baseline_dice", "baseline_iou")


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write what `torch.load(path, weights_only=True)` reads back; raises OutputError if that cannot be done."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_bytes(path, buffer.getvalue())


def is_best(evaluator: Engine) -> bool:
    """Tell whether the evaluation that has just ended is the best so far."""
    return bool(evaluator.state.best_metric_epoch == evaluator.state.epoch)


class BestModel:
    """Of an evaluator: after each best evaluation, writes `model.pt` (the bare state dict) and `cases.csv`."""

    def __init__(self, folder: Path, network: torch.nn.Module, scores: CaseScores) -> None:
        self.folder = folder
        self.network = network
        self.scores = scores

    def attach(self, evaluator: Engine) -> None:
        """Write at the end of each evaluation."""
        evaluator.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, evaluator: Engine) -> None:
        """Write the two files if the evaluation is the best so far."""
        if is_best(evaluator):
            evaluator.state.best_scores = self.scores.means()
            evaluator.state.scored_cases = len(self.scores.rows)
            write_state(self.folder / "model.pt", self.network.state_dict())
            write_cases(self.folder / "cases.csv", self.scores)


def write_cases(path: Path, scores: CaseScores) -> None:
    """Write a row a case; raises OutputError if that cannot be done."""
    write_table(path, [field.name for field in fields(CaseScore)], (asdict(row) for row in scores.rows))


class LastState:
    """Of a trainer: writes `last.pt`, the full state, and `metrics.csv`, a row an epoch without times."""

    def __init__(
        self, folder: Path, evaluator: Engine, network: torch.nn.Module, optimizer: Any, scheduler: Any
    ) -> None:
        self.folder = folder
        self.evaluator = evaluator
        self.parts = {"network": network, "optimizer": optimizer, "scheduler": scheduler}
        self.rows: list[dict[str, Any]] = []
        self._loss = 0.0

    def attach(self, trainer: Engine) -> None:
        """Write at the end of each epoch; attach it after the handlers that evaluate."""
        trainer.add_event_handler(Events.EPOCH_STARTED, self._start)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._add_loss)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self)

    def _start(self, trainer: Engine) -> None:
        self._loss = 0.0
        self._lr = self.parts["optimizer"].param_groups[0]["lr"]

    def _add_loss(self, trainer: Engine) -> None:
        self._loss = self._loss + trainer.state.output["loss"]

    def __call__(self, trainer: Engine) -> None:
        """Write both files."""
        state = trainer.state
        trainer.state.train_loss = float(self._loss) / state.epoch_length
        row = {"epoch": state.epoch, "lr": self._lr, "train_loss": state.train_loss}
        if self.evaluator.state.epoch == state.epoch:
            row |= {key: self.evaluator.state.metrics[key] for key in METRIC_COLUMNS[3:]}
        self.rows.append(row)
        write_table(self.folder / "metrics.csv", METRIC_COLUMNS, self.rows)
        best = {"dice": self.evaluator.state.best_metric, "epoch": self.evaluator.state.best_metric_epoch}
        states = {name: part.state_dict() for name, part in self.parts.items()}
        progress = {"epoch": state.epoch, "iteration": state.iteration, "best": best}
        write_state(self.folder / "last.pt", states | progress)


class ValidationBoard(TensorBoardHandler):
    """Of an evaluator: its scores and pictures of its first cases to TensorBoard, the best pictures to `overlays/` too.

    The pictures have truth and prediction outlined; volumes show the middle slice of the first axis.
    """

    def __init__(self, folder: Path, cases: int = 4) -> None:
        super().__init__(log_dir=str(folder))
        self.folder = folder
        self.cases = cases
        self._drawn: dict[str, Any] = {}

    def attach(self, engine: Engine) -> None:
        """Draw as cases are evaluated, write when the evaluation ends."""
        engine.add_event_handler(Events.EPOCH_STARTED, lambda _: self._drawn.clear())
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._draw)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._write)

    def _draw(self, engine: Engine) -> None:
        if len(self._drawn) < self.cases:
            output = engine.state.output
            self._drawn[output["id"][0]] = draw_overlay(
                output["image"][0].float().cpu(), output["label"][0] > 0, output["pred"][0] > 0.5
            )

    def _write(self, engine: Engine) -> None:
        folder = make_folder(self.folder / "overlays")
        for name, score in engine.state.metrics.items():
            self._writer.add_scalar(f"validation/{name}", score, engine.state.epoch)
        for number, (name, picture) in enumerate(self._drawn.items()):
            self._writer.add_image(f"validation/picture_{number}", picture, engine.state.epoch, dataformats="HWC")
            if is_best(engine):
                save_picture(folder / f"{Path(name).name}.png", picture)
        self._writer.flush()
