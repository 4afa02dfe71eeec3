"""Which run is gone on with, from where, and when it is refused."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from interrupted import Training, only_run, outcome

from monaiseg.bundle import GuardedWorkflow, find_bundle
from monaiseg.cli import main
from monaiseg.cli.running import parse_overrides
from monaiseg.engine.checkpoint import DAMAGED, LAST, PREVIOUS

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


def train(pairs, *flags, epochs=EPOCHS) -> int:
    return main(["train", "unetpp", "--data_root", str(pairs), *FLAGS, "--epochs", str(epochs), *flags])


@pytest.fixture(scope="module")
def whole(tmp_path_factory, pairs) -> Path:
    """The run that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert train(pairs) == 0
    return only_run(folder)


def interrupt(pairs, moment, epochs=EPOCHS, **options) -> int:
    """Train, and call `moment(trainer, evaluator)` before, which arranges for a signal; return the exit code."""
    workflow = GuardedWorkflow(
        str(find_bundle("unetpp") / "train.yaml"),
        run_id="training",
        data_root=str(pairs),
        epochs=epochs,
        **OPTIONS,
        **options,
    )
    workflow.initialize()
    moment(*(workflow.parser.get_parsed_content(name) for name in ("train::trainer", "validate::evaluator")))
    with pytest.raises(SystemExit) as stopped:
        workflow.run()
    return stopped.value.code


def at(event, count, engine="trainer", number=signal.SIGTERM):
    """Arrange for a signal at the n-th time that an event comes."""

    def arrange(trainer, evaluator):
        seen = []

        def fire(_):
            seen.append(None)
            if len(seen) == count:
                os.kill(os.getpid(), number)

        {"trainer": trainer, "evaluator": evaluator}[engine].add_event_handler(event, fire)

    return arrange


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
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", [at(Events.ITERATION_STARTED, 4), at(Events.ITERATION_STARTED, 3, "evaluator")])
def test_a_signal_loses_nothing_of(kind, moment, here, pairs):
    """With two batches a step, three an epoch, the fourth batch is the first of a step."""
    flags = [*FLAGS, "--data_root", str(pairs), "--epochs", "3", *KINDS[kind]]
    assert main(["train", "unetpp", *flags, "--output_dir", "whole"]) == 0
    assert interrupt(pairs, moment, **parse_overrides(KINDS[kind])) == 75
    run = only_run(Path())
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
    trained = []

    def arrange(trainer, evaluator):
        trainer.add_event_handler(Events.COMPLETED, lambda _: trained.append(os.kill(os.getpid(), 0)))
        at(Events.EPOCH_COMPLETED, EPOCHS)(trainer, evaluator)

    with pytest.raises(pytest.fail.Exception):
        interrupt(pairs, arrange)
    assert trained and outcome(only_run(Path())) == outcome(whole)


def test_a_second_signal_stops_at_once(here, pairs):
    big = ["--data_root", str(pairs), *FLAGS, "--roi_size", "256", "--image_size", "256", "--batch_size", "6"]
    training = Training(here, ["train", "unetpp", *big, "--arch_options", "{'features':(32,64)}"])
    training.wait(lambda: "run folder:" in training.log)
    os.kill(training.process.pid, signal.SIGTERM)
    training.wait(lambda: "finishing this step" in training.log)
    assert training.kill(signal.SIGTERM) == -signal.SIGTERM
    assert not (only_run(Path()) / LAST).exists()


@pytest.fixture
def interrupted(here, pairs) -> Path:
    """A run that was stopped within its second epoch."""
    assert interrupt(pairs, at(Events.ITERATION_STARTED, 5)) == 75
    return only_run(Path())


@pytest.mark.parametrize("scheduler", ["onecycle", "cosine", "multistep", "plateau"])
def test_more_epochs_than_were_asked_for(here, pairs, scheduler):
    """The rate goes on where that of a training of the new length would be; so do all epochs of the first part."""
    assert train(pairs, "--scheduler", scheduler) == 0
    run = only_run(Path())
    before = (run / "metrics.csv").read_text()
    assert main(["resume", str(run), "--epochs", "6"]) == 0
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert (run / "metrics.csv").read_text().startswith(before)
    assert json.loads((run / "run.json").read_text())["epochs_done"] == len(rows) == 6
    assert train(pairs, "--scheduler", scheduler, "--output_dir", "longer", epochs=6) == 0
    (longer,) = Path("longer").glob("*/metrics.csv")
    rates = [float(row["lr"]) for row in csv.DictReader(longer.open())]
    assert [float(row["lr"]) for row in rows[3:]] == pytest.approx(rates[3:], rel=1e-9)


def test_auto_goes_on_with_the_newest_unfinished_run(interrupted, here, pairs, whole, capsys):
    shutil.copytree(whole, here / "runs" / "99999999-newer-but-finished")
    assert train(pairs, "--resume", "auto") == 0
    assert f"resumed: {interrupted}" in capsys.readouterr().out
    assert outcome(interrupted) == outcome(whole)
    assert len(list(here.glob("runs/*/run.json"))) == 2


def test_auto_starts_a_run_where_there_is_none_of_this_configuration(interrupted, here, pairs, capsys):
    before = {path: path.read_bytes() for path in interrupted.iterdir() if path.is_file()}
    assert train(pairs, "--resume", "auto", "--lr", "0.5", epochs=1) == 0
    out = capsys.readouterr().out
    assert "ran with lr 0.002, and lr is 0.5; write --lr 0.002" in out and "so a new one is started" in out
    assert {path: path.read_bytes() for path in interrupted.iterdir() if path.is_file()} == before


def test_auto_starts_a_run_where_there_is_none_on_these_cases(interrupted, write_pairs, here, capsys):
    assert train(write_pairs(here / "other", count=6), "--resume", "auto", epochs=1) == 0
    assert "trained on other cases" in capsys.readouterr().out


def test_auto_passes_over_what_it_cannot_go_on_with(interrupted, here, pairs, whole, capsys):
    """A damaged record, a run of before there was resuming, and one that was built from another loss."""
    for name in ("99999999-damaged", "99999998-old"):
        shutil.copytree(interrupted, here / "runs" / name)
    Path("runs/99999999-damaged/run.json").write_text("{")
    facts = json.loads((whole / "run.json").read_text())
    del facts["epochs_done"], facts["stopped_early"]
    Path("runs/99999998-old/run.json").write_text(json.dumps(facts))
    assert train(pairs, "--resume", "auto", "--train#loss#name", "hybrid", epochs=2) == 0
    out = capsys.readouterr().out
    assert "resume: not runs/99999999-damaged: " in out
    assert "ran with train#loss#name '@loss', and train#loss#name is 'hybrid'" in out
    assert "so a new one is started" in out


def test_other_sides_of_the_split_are_other_cases(interrupted, capsys):
    split = json.loads((interrupted / "split.json").read_text())
    split["train"][0], split["validation"][0] = split["validation"][0], split["train"][0]
    (interrupted / "split.json").write_text(json.dumps(split))
    assert "trained on other cases" in refused(capsys, 3, "resume", str(interrupted))


def refused(capsys, code, *arguments) -> str:
    capsys.readouterr()
    assert main([*arguments]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("monaiseg: error: resume")
    return line


def test_what_cannot_be_resumed_is_refused(interrupted, whole, here, pairs, write_pairs, capsys):
    run = str(interrupted)
    assert "no run.json in it" in refused(capsys, 2, "resume", "nowhere")
    assert "is of the bundle unetpp, not unet3p" in refused(capsys, 2, "train", "unet3p", "--resume", run)
    assert "write --loss" in refused(capsys, 2, "resume", run, "--loss", "hybrid")
    assert "is in epoch 2, and epochs is 1" in refused(capsys, 2, "resume", run, "--epochs", "1")
    other = str(write_pairs(here / "other", count=6))
    assert "was trained on other cases" in refused(capsys, 3, "resume", run, "--data_root", other)
    assert "is finished after 3 epochs; ask for more with --epochs" in refused(capsys, 2, "resume", str(whole))


def test_a_run_that_is_being_trained_is_left_alone(here, pairs, capsys):
    training = Training(here, ["train", "unetpp", "--data_root", str(pairs), *FLAGS, "--epochs", "500"])
    training.wait(lambda: "epoch 1" in training.log)
    run = only_run(Path())
    assert "is being trained by another process" in refused(capsys, 2, "resume", str(run))
    assert train(pairs, "--resume", "auto", epochs=1) == 0
    assert f"not {run}: {run} is being trained" in capsys.readouterr().out
    assert training.kill() == -9
    assert main(["resume", str(run), "--epochs", "1000", "--early_stopping", "1"]) == 0


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(interrupted, whole, capsys):
    content = bytearray((interrupted / LAST).read_bytes())
    content[len(content) // 2] ^= 1
    (interrupted / LAST).write_bytes(content)
    assert main(["resume", str(interrupted)]) == 0
    out = capsys.readouterr().out
    assert f"{interrupted / LAST}: is damaged" in out and "after step 3 (epoch 1)" in out
    assert (interrupted / DAMAGED).read_bytes() == bytes(content)
    assert outcome(interrupted) == outcome(whole)


def test_with_no_good_checkpoint_left_it_is_refused(interrupted, capsys):
    for name in (LAST, PREVIOUS):
        (interrupted / name).write_bytes((interrupted / name).read_bytes()[:-100])
    assert main(["resume", str(interrupted)]) == 2
    assert PREVIOUS in capsys.readouterr().err


def test_a_run_without_a_checkpoint_begins_anew_in_its_folder(interrupted, whole):
    for name in (LAST, PREVIOUS):
        (interrupted / name).unlink()
    assert main(["resume", str(interrupted)]) == 0
    assert outcome(interrupted) == outcome(whole)


def test_random_states_travel(interrupted):
    state = torch.load(interrupted / LAST, weights_only=True)
    assert [set(states) for states in state["random"]] == [{"torch", "cuda", "numpy", "python"}]
