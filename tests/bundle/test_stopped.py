"""Signals stop a training, and it goes on to the same bits."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from ignite.engine import Events
from ignite.metrics import Metric
from interrupted import Training, only_run, outcome
from signalled import EPOCHS, FLAGS, at, interrupt

from monaiseg.cli import main
from monaiseg.cli.running import parse_overrides
from monaiseg.engine.checkpoint import LAST, verified

MOMENTS = {
    "at the first step": (at(Events.ITERATION_STARTED, 1), 1),
    "within an epoch": (at(Events.ITERATION_STARTED, 5, number=signal.SIGINT), 5),
    "at the last step of an epoch": (at(Events.ITERATION_STARTED, 3, number=signal.SIGUSR1), 3),
    "as an epoch begins": (at(Events.EPOCH_STARTED, 2), 4),
    "within a validation": (at(Events.ITERATION_STARTED, 3, "evaluator"), 6),
    "within the last validation": (at(Events.ITERATION_COMPLETED, 5, "evaluator"), 9),
    "as an epoch ends, after it was saved": (at(Events.EPOCH_COMPLETED, 2), 7),
}


KINDS = {
    "a schedule by epochs": ["--scheduler", "ExponentialLR"],
    "a schedule by validations": ["--scheduler", "plateau", "--scheduler_options", "{'patience':0,'threshold':0.5}"],
    "two batches a step": ["--accumulate", "2"],
    "random numbers in the network": ["--arch_options", "{'features':(4,8),'dropout':0.3}"],
    "a scale of float16 that has moved": ["--amp", "float16"],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", [at(Events.ITERATION_STARTED, 4), at(Events.ITERATION_STARTED, 3, "evaluator")])
def test_a_signal_loses_nothing_of(kind, moment, here, pairs, monkeypatch):
    """With two batches a step, three an epoch, the fourth batch is the first of a step; the scale grows after two."""
    monkeypatch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, growth_interval=2))
    flags = [*FLAGS, "--data_root", str(pairs), "--epochs", "3", *KINDS[kind]]
    assert main(["train", "unetpp", *flags, "--output_dir", "whole"]) == 0
    assert interrupt(pairs, moment, **parse_overrides(KINDS[kind])) == 75
    run = only_run(Path())
    assert verified(run / LAST)["scaler"].get("scale") != 2**16, "with which it begins"
    assert main(["resume", str(run)]) == 0
    (whole,) = Path("whole").glob("*/run.json")
    assert outcome(run) == outcome(whole.parent)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_loses_nothing(moment, here, pairs, whole, capfd):
    arrange, step = MOMENTS[moment]
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]
    assert interrupt(pairs, arrange) == 75
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)] == handlers
    run = only_run(Path())
    told = capfd.readouterr().err
    assert f"after step {step} (epoch {(step + 2) // 3}), which is saved in" in told
    assert f"monaiseg resume {run}\n" in told
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    assert main(["resume", str(run)]) == 0
    assert f"resumed: {run} after step {step}" in capfd.readouterr().out
    assert outcome(run) == outcome(whole)


def test_a_signal_after_the_last_step_of_all_changes_nothing(here, pairs, whole):
    assert interrupt(pairs, at(Events.EPOCH_COMPLETED, EPOCHS)) is None
    assert outcome(only_run(Path())) == outcome(whole)


def test_a_signal_loses_nothing_when_nobody_reads_what_is_told(here, pairs, whole):
    """As Ctrl-C of `monaiseg train 2>&1 | tee log` ends `tee` too."""
    unread = os.pipe()
    os.close(unread[0])

    def arrange(trainer, evaluator):
        def send(_):
            os.dup2(unread[1], 2)
            os.kill(os.getpid(), signal.SIGINT)

        trainer.add_event_handler(Events.ITERATION_STARTED(once=4), send)

    stderr = os.dup(2)
    try:
        assert interrupt(pairs, arrange) == 75
    finally:
        os.dup2(stderr, 2)
    assert main(["resume", str(only_run(Path()))]) == 0
    assert outcome(only_run(Path())) == outcome(whole)


class Spread(Metric):
    """A metric of one's own, which gives a number of numpy's."""

    def reset(self):
        self.seen = []

    def update(self, output):
        self.seen.append(float(output[0].std()))

    def compute(self):
        return np.mean(self.seen)


def test_metrics_of_ones_own_are_kept(here, pairs):
    def arrange(trainer, evaluator):
        Spread(lambda output: (output["pred"],)).attach(evaluator, "spread")
        at(Events.EPOCH_COMPLETED, 2)(trainer, evaluator)

    assert interrupt(pairs, arrange) == 75
    assert main(["resume", str(only_run(Path()))]) == 0


def test_a_second_signal_stops_at_once(here, pairs):
    big = ["--data_root", str(pairs), *FLAGS, "--roi_size", "256", "--image_size", "256", "--batch_size", "6"]
    training = Training(here, ["train", "unetpp", *big, "--arch_options", "{'features':(32,64)}"])
    training.wait(lambda: "run folder:" in training.log)
    os.kill(training.process.pid, signal.SIGTERM)
    training.wait(lambda: "finishing this step" in training.log)
    assert training.kill(signal.SIGTERM) == -signal.SIGTERM
    assert not (only_run(Path()) / LAST).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_to_the_processes_that_load_as_well(number, here, pairs, whole):
    """As a terminal, or a scheduler, sends it to all of a job."""

    before = multiprocessing.active_children()

    def arrange(trainer, evaluator):
        def send(_):
            workers = [child.pid for child in multiprocessing.active_children() if child not in before]
            assert len(workers) == 2
            for pid in (*workers, os.getpid()):
                os.kill(pid, number)

        trainer.add_event_handler(Events.ITERATION_STARTED(once=5), send)

    assert interrupt(pairs, arrange, num_workers=2) == 75
    assert main(["resume", str(only_run(Path()))]) == 0
    assert outcome(only_run(Path())) == outcome(whole)


def test_within_an_epoch_it_is_saved_after_so_many_minutes(here, pairs, whole):
    def arrange(trainer, evaluator):
        def keep(_):
            shutil.copy(only_run(Path()) / LAST, "kept.pt")

        trainer.add_event_handler(Events.ITERATION_STARTED(once=6), keep)

    assert interrupt(pairs, arrange, checkpoint_minutes=1e-9) is None
    kept, run = verified(Path("kept.pt")), only_run(Path())
    assert (kept["epoch"], kept["iteration"], kept["epoch_ended"]) == (2, 5, False)
    Path("kept.pt").replace(run / LAST)
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"status": "started"}))
    assert main(["resume", str(run)]) == 0
    assert outcome(run) == outcome(whole)
