"""Handlers that write the run's files as training goes: the tables, the best model, the last state, the pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.handlers import TensorBoardHandler

from monaiseg._files import make_folder, write_bytes, write_json, write_table
from monaiseg.data import Classes
from monaiseg.data.classes import FOREGROUND
from monaiseg.engine.overlays import draw_overlay, save_picture
from monaiseg.errors import OutputError
from monaiseg.metrics import CaseScores, CaseTable, Summary, decided

TRAINING_COLUMNS = ("epoch", "lr", "train_loss", "train_dice")
"""Of `metrics.csv`; the means of the validation's table follow."""


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
            assert self.scores.table is not None
            evaluator.state.best_scores = Summary.of(self.scores.table)
            write_state(self.folder / "model.pt", self.network.state_dict())
            write_scores(self.folder, self.scores.table, evaluator.state.best_scores)


def write_scores(folder: Path, table: CaseTable, summary: Summary, **facts: Any) -> None:
    """Write `cases.csv`, a row a case, and `scores.json`, the summary; raises OutputError if that cannot be done."""
    rows = list(table.rows())
    write_table(folder / "cases.csv", list(rows[0]), rows)
    write_json(folder / "scores.json", summary.record() | facts)


class LastState:
    """Of a trainer: writes `last.pt`, the full state, and `metrics.csv`, a row an epoch without times.

    `train_dice` is that of all the crops of the epoch as one, at threshold 0.5: of what the network was trained on.
    """

    def __init__(
        self,
        folder: Path,
        evaluator: Engine,
        network: torch.nn.Module,
        optimizer: Any,
        scheduler: Any,
        classes: Classes = FOREGROUND,
    ) -> None:
        self.folder = folder
        self.classes = len(classes)
        self.evaluator = evaluator
        self.parts = {"network": network, "optimizer": optimizer, "scheduler": scheduler}
        self.rows: list[dict[str, Any]] = []
        self._loss: Any = 0.0
        self._overlap: Any = 0

    def attach(self, trainer: Engine) -> None:
        """Write at the end of each epoch; attach it after the handlers that evaluate."""
        trainer.add_event_handler(Events.EPOCH_STARTED, self._start)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._add_loss)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self)

    def _start(self, trainer: Engine) -> None:
        self._loss, self._overlap = 0.0, 0
        self._lr = self.parts["optimizer"].param_groups[0]["lr"]

    def _add_loss(self, trainer: Engine) -> None:
        self._loss = self._loss + trainer.state.output["loss"]
        output = trainer.state.output
        self._overlap = self._overlap + training_overlap(output["pred"], output["label"][:, : self.classes])

    def __call__(self, trainer: Engine) -> None:
        """Write both files."""
        state = trainer.state
        trainer.state.train_loss = float(self._loss) / state.epoch_length
        twice, sizes = self._overlap.tolist()
        row = {"epoch": state.epoch, "lr": self._lr, "train_loss": state.train_loss}
        row["train_dice"] = twice / sizes if sizes else 1.0
        validated = self.evaluator.state.epoch == state.epoch
        self.rows.append(row | (self.evaluator.state.metrics if validated else {}))
        columns = dict.fromkeys(key for columns in (TRAINING_COLUMNS, *self.rows) for key in columns)
        write_table(self.folder / "metrics.csv", list(columns), self.rows)
        best = {"dice": self.evaluator.state.best_metric, "epoch": self.evaluator.state.best_metric_epoch}
        states = {name: part.state_dict() for name, part in self.parts.items()}
        progress = {"epoch": state.epoch, "iteration": state.iteration, "best": best}
        write_state(self.folder / "last.pt", states | progress)


def training_overlap(pred: Any, label: torch.Tensor) -> torch.Tensor:
    """Return twice the pixels that prediction and label share, and the sum of their sizes, `[2]` on the device.

    pred: logits as a network gives them in training, of which the main output's first K channels count; label: `[B, K,
    *spatial]`.
    """
    logits = pred["logits"] if isinstance(pred, dict) else pred
    main = logits[0] if isinstance(logits, list) else logits
    found, truth = main[:, : label.shape[1]] > 0, label > 0
    return torch.stack([2 * (found & truth).sum(), found.sum() + truth.sum()])


class ValidationBoard(TensorBoardHandler):
    """Of an evaluator: its scores and pictures of its first cases to TensorBoard, the best pictures to `overlays/` too.

    The pictures have truth and prediction outlined; of a volume it is the slice across the shortest axis that has most
    foreground.
    """

    def __init__(self, folder: Path, classes: Classes = FOREGROUND, cases: int = 4) -> None:
        super().__init__(log_dir=str(folder))
        self.folder = folder
        self.classes = classes
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
            masks = decided(output["pred"], self.classes)[0].cpu()
            self._drawn[output["id"][0]] = draw_overlay(output["image"][0].float().cpu(), output["label"][0] > 0, masks)

    def _write(self, engine: Engine) -> None:
        folder = make_folder(self.folder / "overlays")
        try:
            self._write_events(engine)
        except OSError as error:  # TensorBoard's thread does not say which file it could not write
            raise OutputError(f"{self.folder}: its events cannot be written ({error.strerror}); free space") from error
        for name, picture in self._drawn.items() if is_best(engine) else ():
            save_picture(folder / f"{'_'.join(Path(name).parts)}.png", picture)

    def _write_events(self, engine: Engine) -> None:
        for name, score in engine.state.metrics.items():
            self._writer.add_scalar(f"validation/{name}", score, engine.state.epoch)
        for number, picture in enumerate(self._drawn.values()):
            self._writer.add_image(f"validation/picture_{number}", picture, engine.state.epoch, dataformats="HWC")
        self._writer.flush()
