"""Which run is gone on with, from where, and when it is refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from interrupted import Training, only_run, outcome
from signalled import FLAGS, at, interrupt, train

from monaiseg.bundle import copy_bundle, find_bundle
from monaiseg.bundle.parsed import read_config
from monaiseg.bundle.resumed import FREE
from monaiseg.bundle.shipped import OVERLAY
from monaiseg.cli import main
from monaiseg.engine.checkpoint import DAMAGED, LAST, PREVIOUS, verified


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


def test_what_moves_between_is_found(here, pairs, monkeypatch):
    """The data, and the working folder, of which the run knows its bundle from anywhere."""
    copy_bundle("unetpp", Path("mine"))
    Path("cases").symlink_to(pairs)
    assert main(["train", "mine", "--data_root", "cases", *FLAGS, "--epochs", "1"]) == 0
    run = only_run(Path()).resolve()
    bundle = json.loads((run / "run.json").read_text())["bundle"]
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert main(["resume", str(run), "--epochs", "2"]) == 0
    Path("../cases").rename("../moved")
    assert main(["resume", str(run), "--epochs", "3", "--data_root", "../moved"]) == 0
    assert not list(Path().iterdir())
    assert json.loads((run / "run.json").read_text())["bundle"] == bundle == str(here / "mine")
    assert main(["evaluate", "--model", str(run)]) == 0


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
    assert "no run.json in it" in refused(capsys, 2, "resume", "x" * 300), "longer than a name can be"
    assert f"give the folder of a run, such as {run}" in refused(capsys, 2, "resume", "runs")
    assert "is of the bundle unetpp, not unet3p" in refused(capsys, 2, "train", "unet3p", "--resume", run)
    assert "write --loss" in refused(capsys, 2, "resume", run, "--loss", "hybrid")
    assert "is in epoch 2, and epochs is 1" in refused(capsys, 2, "resume", run, "--epochs", "1")
    other = str(write_pairs(here / "other", count=6))
    assert "was trained on other cases" in refused(capsys, 3, "resume", run, "--data_root", other)
    Path("nodata").mkdir()
    finished = refused(capsys, 2, "resume", str(whole), "--data_root", "nodata")  # which is not looked at
    assert "is finished after 3 epochs; ask for more with --epochs" in finished


def test_results_are_not_overwritten_where_the_checkpoints_are_gone(whole, here, capsys):
    shutil.copytree(whole, "runs/run")
    for name in (LAST, PREVIOUS):
        Path("runs/run", name).unlink()
    line = refused(capsys, 2, "resume", "runs/run", "--epochs", "4")
    assert "has results and no last.pt to go on from; restore it, or start a new run" in line
    assert outcome(Path("runs/run")) == outcome(whole)


def test_a_run_that_is_being_trained_is_left_alone(here, pairs, capsys):
    training = Training(here, ["train", "unetpp", "--data_root", str(pairs), *FLAGS, "--epochs", "500"])
    training.wait(lambda: "epoch 1" in training.log)
    run = only_run(Path())
    assert "is being trained by another process" in refused(capsys, 2, "resume", str(run))
    assert train(pairs, "--resume", "auto", epochs=1) == 0
    assert f"not {run}: {run} is being trained" in capsys.readouterr().out
    assert training.kill() == -9
    assert main(["resume", str(run), "--epochs", str(verified(run / LAST)["epoch"] + 1)]) == 0


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
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"{interrupted / LAST}: is damaged" in line and f"{interrupted / PREVIOUS}: is damaged" in line
    assert line.endswith(": start a new run")


def test_a_run_without_a_checkpoint_begins_anew_in_its_folder(interrupted, whole, capsys):
    for name in (LAST, PREVIOUS):
        (interrupted / name).unlink()
    assert main(["resume", str(interrupted)]) == 0
    assert "was interrupted before its first last.pt, so it begins anew" in capsys.readouterr().out
    assert outcome(interrupted) == outcome(whole)


def test_what_the_overlay_sets_may_differ():
    """So that several processes go on with what one has begun."""
    assert {key.split("::")[0] for key in read_config(find_bundle("unetpp").parent / OVERLAY)} <= FREE


def test_random_states_travel(interrupted):
    state = torch.load(interrupted / LAST, weights_only=True)
    assert [set(states) for states in state["random"]] == [{"torch", "cuda", "numpy", "python"}]
