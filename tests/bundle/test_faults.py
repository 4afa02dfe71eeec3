"""What goes wrong in the middle of a training: one line that says what and what to do, and nothing saved is lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
from ignite.engine import Events
from interrupted import Training, children, only_run, outcome

from monaiseg.bundle import GuardedWorkflow, find_bundle
from monaiseg.cli import main
from monaiseg.cli.running import parse_overrides
from monaiseg.engine.checkpoint import LAST, verified
from monaiseg.errors import cause_of

FLAGS = (
    "--data_root data --arch_options {'features':(4,8)} --epochs 3 --roi_size 32 --batch_size 2 --device cpu "
    "--val_interval 1 --amp False"
).split()


pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, pairs) -> Path:
    """The run in which nothing goes wrong."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "data").symlink_to(pairs)
    training = Training(folder, ["train", "unetpp", *FLAGS])
    assert training.end() == 0, training.log
    return only_run(folder)


def told(err: str) -> str:
    line = err.strip().splitlines()[-1]
    assert line.startswith("monaiseg: error: ") and "Traceback" not in err
    return line


def test_a_loss_that_is_no_number(capsys):
    assert main(["train", "unetpp", *FLAGS, "--lr", "1e30", "--optimizer", "SGD"]) == 7
    line = told(capsys.readouterr().err)
    assert "the loss is nan at step " in line and "cases case_0" in line
    assert "lower --lr, set --clip 1.0" in line
    run = only_run(Path())
    assert ("the last good state is" in line) == (run / LAST).exists()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc, to find the workers")
def test_a_worker_that_is_killed(here, whole):
    training = Training(here, ["train", "unetpp", *FLAGS, "--epochs", "300", "--num_workers", "1"])
    training.wait(lambda: "epoch 2" in training.log)
    (worker,) = children(training.process.pid)
    os.kill(worker, signal.SIGKILL)
    assert training.end() == 7, training.log
    assert f"a process that loads data (pid {worker}) was killed" in told(training.log)
    assert verified(only_run(here) / LAST)["epoch"] >= 1


@contextmanager
def little_memory(more: int):
    """Let this process have so many bytes more than it has."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs /proc, to know its size")
def test_memory_that_is_out(capsys):
    huge = ["--arch_options", "{'features':(512,1024)}", "--roi_size", "512", "--batch_size", "6"]
    with little_memory(2**30):
        assert main(["train", "unetpp", *FLAGS, *huge]) == 7
    assert "memory is out; lower --batch_size" in told(capsys.readouterr().err)


def test_what_cannot_be_compiled_here(here):
    environment = {"PATH": str(here), "TORCHINDUCTOR_CACHE_DIR": str(here / "compiled")}  # so that there is no compiler
    training = Training(here, ["train", "unetpp", *FLAGS, "--compile", "True"], environment)
    assert training.end() == 2
    assert "compile is True, but torch cannot compile this network here (InvalidCxxCompiler" in told(training.log)


def fill(filler: Path, leave: int) -> None:
    """Write until the disk has no more than so many bytes left."""
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            file.truncate(filler.stat().st_size - leave)


@pytest.mark.parametrize(
    ("written", "engine", "event", "leave"),
    [
        ("model.pt", "train::trainer", Events.EPOCH_STARTED, 0),
        ("last.pt", "validate::evaluator", Events.COMPLETED, 2**14),
    ],
    ids=["at the model", "at the checkpoint"],
)
def test_a_disk_that_is_full(written, engine, event, leave, here, small_disk, whole, capsys):
    """Before the third epoch, or between its validation and its checkpoint, for which alone there is no room."""
    disk = small_disk(here / "runs", "2m")
    workflow = GuardedWorkflow(
        str(find_bundle("unetpp") / "train.yaml"), run_id="training", **parse_overrides(FLAGS), bundle_root="unetpp"
    )
    capsys.readouterr()
    workflow.initialize()
    trainer, engine = (workflow.parser.get_parsed_content(name) for name in ("train::trainer", engine))
    engine.add_event_handler(event, lambda _: fill(disk / "filler", leave) if trainer.state.epoch == 3 else None)
    with pytest.raises(RuntimeError) as failed:
        workflow.run()
    run = only_run(Path())
    assert f"{run / written}: cannot be written (No space left on device)" in str(cause_of(failed.value))
    assert verified(run / LAST)["epoch"] == 2
    assert "Traceback" not in capsys.readouterr().err  # of TensorBoard's thread, which meets the full disk too
    (disk / "filler").unlink()
    assert main(["resume", str(run)]) == 0
    assert outcome(run) == outcome(whole)


def test_stopping_early_is_the_same_after_an_interruption(here, capsys):
    """The rate is so low that nothing gets better. The kill comes after the last checkpoint, before the report."""
    flags = [*FLAGS, "--epochs", "9", "--early_stopping", "2", "--lr", "1e-12"]
    assert main(["train", "unetpp", *flags, "--output_dir", "whole"]) == 0
    assert "stopped early: no better score in 2 evaluations (early_stopping 2)" in capsys.readouterr().out
    (first,) = Path("whole").glob("*/run.json")
    facts = json.loads(first.read_text())
    assert facts["stopped_early"] and facts["epochs_done"] < 9
    shutil.copytree(first.parent, "runs/killed")
    Path("runs/killed/run.json").write_text(json.dumps(facts | {"status": "started"}))
    assert main(["resume", "runs/killed"]) == 0
    assert outcome(Path("runs/killed")) == outcome(first.parent)
    assert main(["resume", "runs/killed"]) == 2
    assert "with --early_stopping 0" in told(capsys.readouterr().err)
    assert main(["resume", "runs/killed", "--early_stopping", "0"]) == 0
    assert json.loads(Path("runs/killed/run.json").read_text())["epochs_done"] == 9


@pytest.mark.parametrize("broken", ["images/case_01.png", "masks/case_05.png"])
def test_a_file_that_cannot_be_decoded(broken, here, pairs, capsys):
    """Nothing is met in the middle of an epoch: all is read before the first."""
    Path("data").unlink()
    shutil.copytree(pairs, "data")
    whole = Path("data", broken).read_bytes()
    Path("data", broken).write_bytes(whole[: len(whole) // 2])
    assert main(["train", "unetpp", *FLAGS]) == 3
    assert f"data/{broken}: " in told(capsys.readouterr().err)
    assert not list(Path().glob("runs/*/run.json"))
    assert main(["train", "unetpp", *FLAGS, "--unreadable", "skip"]) == 0
    out = capsys.readouterr().out
    assert f"WARNING: data/{broken}: " in out and "left out        1 case that cannot be read" in out
    split = json.loads((only_run(Path()) / "split.json").read_text())
    assert (
        list(split["left_out"]) == [Path(broken).stem] and Path(broken).stem not in split["train"] + split["validation"]
    )
    assert len(split["train"] + split["validation"]) == 7
    assert main(["evaluate", "--model", str(only_run(Path()))]) == 0
    assert "difference 0\n" in capsys.readouterr().out
