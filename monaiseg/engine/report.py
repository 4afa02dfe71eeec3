"""What a run tells: a line an epoch, and at the end the scores, the baseline's beside them and what to type next."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ignite.engine import Engine, Events

from monaiseg._files import make_folder
from monaiseg._numbers import count
from monaiseg._ranks import is_writer
from monaiseg.engine.handlers import is_best, write_scores
from monaiseg.engine.score_text import as_text, details, scored, versus
from monaiseg.metrics import CaseScores, Summary


class Recorder(Protocol):
    """Keeps facts of a run, as `monaiseg.bundle.RunFolder` does."""

    path: Path
    checkpoint: dict[str, Any] | None
    notes: list[str]

    def record(self, **facts: Any) -> None:
        """Add facts to `run.json`."""


class Report:
    """Of a trainer: prints a line an epoch and a summary at the end, and records the outcome in `run.json`."""

    def __init__(self, run_folder: Recorder, evaluator: Engine) -> None:
        self.run_folder = run_folder
        self.evaluator = evaluator
        self._start = time.monotonic()

    def state_dict(self) -> dict[str, float]:
        """Return how long the training took."""
        return {"seconds": self._seconds()}

    def load_state_dict(self, kept: Mapping[str, float]) -> None:
        """Count from there."""
        self._start = time.monotonic() - kept["seconds"]

    def attach(self, trainer: Engine) -> None:
        """Print as epochs end; attach it after the handlers that evaluate."""
        trainer.add_event_handler(Events.STARTED, self._started)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._epoch)
        trainer.add_event_handler(Events.COMPLETED, self._completed)

    def _started(self, trainer: Engine) -> None:
        self._start = time.monotonic()
        print(f"run folder: {self.run_folder.path}", flush=True)

    def _seconds(self) -> float:
        return round(time.monotonic() - self._start, 1)

    def _epoch(self, trainer: Engine) -> None:
        state, now = trainer.state, self.evaluator.state
        line = f"epoch {state.epoch}/{state.max_epochs}  loss {state.train_loss:.4f}"
        if now.epoch == state.epoch:
            line += f"  Dice {now.metrics['dice']:.4f} (Otsu {now.metrics['baseline_dice']:.4f})"
        print(f"{line}  {self._seconds():.0f} s", flush=True)

    def _completed(self, trainer: Engine) -> None:
        best = self.evaluator.state
        if best.best_metric_epoch < 1:
            return
        scores: Summary = best.best_scores
        outcome = dict(scores.means, epoch=best.best_metric_epoch, cases=scores.cases)
        epochs = {"epochs_done": trainer.state.epoch, "stopped_early": trainer.state.epoch < trainer.state.max_epochs}
        self.run_folder.record(status="finished", best=outcome, training_seconds=self._seconds(), **epochs)
        folder = self.run_folder.path
        print(
            f"\nvalidation {scored(scores)}, epoch {best.best_metric_epoch}; {versus(scores)}\n"
            f"{''.join(f'{line}{chr(10)}' for line in details(scores))}"
            f"{''.join(f'{line}{chr(10)}' for line in self.run_folder.notes)}"
            f"run folder      {folder}\n"
            f"next            monaiseg predict FOLDER --model {shlex.quote(str(folder))} --output_dir predictions",
            flush=True,
        )


class EvaluationReport:
    """Of an evaluator: prints the scores when it ends; writes `cases.csv` and `scores.json` to a new folder of the run.

    Attributes:
        summary: the scores, after the evaluation.
        folder: where they were written, `<run>/evaluation-<time>`.

    Args:
        run: the run's folder.
        scores: the metric of the evaluator.
        expected: what the training scored on the same cases, to tell the difference; None on others.
        data: what was evaluated, in words, for `scores.json`.
        trained_on: how many of the cases trained the run.
    """

    def __init__(self, run: Path, scores: CaseScores, expected: float | None, data: str, trained_on: int = 0) -> None:
        self.run = run
        self.scores = scores
        self.expected = expected
        self.data = data
        self.trained_on = trained_on
        self.summary: Summary | None = None
        self.folder: Path | None = None

    def attach(self, evaluator: Engine) -> None:
        """Print and write when the evaluation ends."""
        evaluator.add_event_handler(Events.COMPLETED, self)

    def __call__(self, evaluator: Engine) -> None:
        """Print and write."""
        table = self.scores.table
        assert table is not None
        self.summary = Summary.of(table, self.trained_on)
        print(f"{scored(self.summary, digits=6)}; {versus(self.summary)}")
        if self.expected is not None:
            difference = self.summary.lines["dice"].mean - self.expected
            print(f"training scored Dice {self.expected:.6f} on the same cases: difference {difference:g}")
        print(as_text(self.summary))
        if not is_writer():
            return
        self.folder = make_folder(self.run / f"evaluation-{datetime.now().astimezone():%Y%m%d-%H%M%S-%f}")
        write_scores(self.folder, table, self.summary, data=self.data)
        print(f"written         {self.folder}", flush=True)


class EarlyStopping:
    """Of a trainer: ends the training once `patience` evaluations in a row brought no better score; 0 never does."""

    def __init__(self, patience: int, evaluator: Engine) -> None:
        self.patience = count("early_stopping", patience, least=0)
        self.evaluator = evaluator
        self._stalled = 0

    def state_dict(self) -> dict[str, int]:
        """Return how many evaluations in a row brought nothing."""
        return {"stalled": self._stalled}

    def load_state_dict(self, kept: Mapping[str, int]) -> None:
        """Count from there."""
        self._stalled = kept["stalled"]

    def attach(self, trainer: Engine) -> None:
        """Look at the end of each epoch; attach it after the handlers that evaluate."""
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self)

    def resumed(self, trainer: Engine) -> None:
        """End a training that had stalled when it was interrupted."""
        if self.patience and self._stalled >= self.patience:
            trainer.terminate()

    def __call__(self, trainer: Engine) -> None:
        """End the training if it has stalled."""
        if self.evaluator.state.epoch != trainer.state.epoch:
            return
        self._stalled = 0 if is_best(self.evaluator) else self._stalled + 1
        if self.patience and self._stalled >= self.patience:
            print(f"stopped early: no better score in {self._stalled} evaluations (early_stopping {self.patience})")
            trainer.terminate()
