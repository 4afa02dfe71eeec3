"""Handlers of an evaluator that write the run's files: the best model with its scores, TensorBoard, the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.handlers import TensorBoardHandler

from monaiseg._files import make_folder, write_json, write_table
from monaiseg._ranks import is_writer
from monaiseg.data import Classes
from monaiseg.data.classes import FOREGROUND
from monaiseg.engine.checkpoint import write_state
from monaiseg.engine.overlays import draw_overlay, save_picture
from monaiseg.errors import OutputError
from monaiseg.metrics import CaseScores, CaseTable, Summary, decided


def is_best(evaluator: Engine) -> bool:
    """Tell whether the evaluation that has just ended is the best so far."""
    return bool(evaluator.state.best_metric_epoch == evaluator.state.epoch)


class BestScores:
    """What of an evaluator a training goes on with: the best score, its epoch, and all that was scored then."""

    def __init__(self, evaluator: Engine) -> None:
        self.evaluator = evaluator

    def state_dict(self) -> dict[str, Any]:
        """Return `dice` and `epoch`, -1 before the first evaluation, and `scores` as `Summary.record` has them."""
        state = self.evaluator.state
        scores = getattr(state, "best_scores", None)
        record = None if scores is None else scores.record()
        return {"dice": state.best_metric, "epoch": state.best_metric_epoch, "scores": record}

    def load_state_dict(self, kept: Mapping[str, Any]) -> None:
        """Put them back."""
        state = self.evaluator.state
        state.best_metric, state.best_metric_epoch = kept["dice"], kept["epoch"]
        if kept["scores"] is not None:
            state.best_scores = Summary.from_record(kept["scores"])


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
            if is_writer():
                write_state(self.folder / "model.pt", _on_cpu(self.network))
                write_scores(self.folder, self.scores.table, evaluator.state.best_scores)


def _on_cpu(network: torch.nn.Module) -> dict[str, Any]:
    """Return a network's state as a machine without its GPU can read it."""
    state = network.state_dict()
    for name, value in state.items():
        state[name] = value.cpu() if isinstance(value, torch.Tensor) else value
    return state


def write_scores(folder: Path, table: CaseTable, summary: Summary, **facts: Any) -> None:
    """Write `cases.csv`, a row a case, and `scores.json`, the summary; raises OutputError if that cannot be done."""
    rows = list(table.rows())
    write_table(folder / "cases.csv", list(rows[0]), rows)
    write_json(folder / "scores.json", summary.record() | facts)


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
