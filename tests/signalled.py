"""A small training in this process, and signals that come to it at a moment that a test chooses."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ignite.engine import Engine

from monaiseg.bundle import GuardedWorkflow, find_bundle
from monaiseg.cli import main

EPOCHS = 3
OPTIONS = {
    "arch_options": {"features": (4, 8)},
    "roi_size": 32,
    "batch_size": 2,
    "device": "cpu",
    "val_interval": 1,
    "num_workers": 0,
}
FLAGS = [part for key, value in OPTIONS.items() for part in (f"--{key}", str(value))]

Moment = Callable[[Engine, Engine], None]
"""What is told trainer and evaluator before a training, to arrange for something."""


def train(pairs: Path, *flags: str, epochs: int = EPOCHS) -> int:
    return main(["train", "unetpp", "--data_root", str(pairs), *FLAGS, "--epochs", str(epochs), *flags])


def interrupt(pairs: Path, moment: Moment, epochs: int = EPOCHS, **options: Any) -> int | None:
    """Train as `train` does, stopped as `stopped_at` has it."""
    return stopped_at(moment, data_root=str(pairs), epochs=epochs, **{**OPTIONS, **options})


def stopped_at(moment: Moment, **options: Any) -> int | None:
    """Train UNet++, and call `moment(trainer, evaluator)` before, which arranges for a signal; return the exit code.

    It is None where the training came to its end.
    """
    workflow = GuardedWorkflow(str(find_bundle("unetpp") / "train.yaml"), run_id="training", **options)
    workflow.initialize()
    moment(*(workflow.parser.get_parsed_content(name) for name in ("train::trainer", "validate::evaluator")))
    try:
        workflow.run()
    except SystemExit as stopped:
        return int(str(stopped.code))
    return None


def at(event: Any, count: int, engine: str = "trainer", number: int = signal.SIGTERM) -> Moment:
    """Arrange for a signal at the n-th time that an event comes."""

    def arrange(trainer: Engine, evaluator: Engine) -> None:
        seen = []

        def fire(_: Engine) -> None:
            seen.append(None)
            if len(seen) == count:
                os.kill(os.getpid(), number)

        {"trainer": trainer, "evaluator": evaluator}[engine].add_event_handler(event, fire)

    return arrange
