"""Several processes train, and score, what one does: real ones, started by torchrun and joined by gloo."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interrupted import children, joined, only_run, outcome

from monaiseg.bundle import find_bundle
from monaiseg.cli import main
from monaiseg.engine.checkpoint import LAST, verified

FLAGS = [
    *"--data_root data --epochs 6 --roi_size 32 --lr 0.01 --device cpu --val_interval 1 --amp False".split(),
    *("--scheduler", "constant"),
    *("--arch_options", "{'features':(4,8,16),'norm':'instance'}"),
]
PATIENCE = 300


def torchrun(*arguments: str, log: str = "log") -> subprocess.Popen:
    """A torchrun of its own group, whose output is in the file `log`."""
    command = [sys.executable, "-m", "torch.distributed.run", *arguments]
    with Path(log).open("w") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)


def stock(run_id: str, config: str) -> list[str]:
    """MONAI's command with the overlay, as the README has it."""
    home = find_bundle("unetpp")
    files = [str(home / config), str(home.parent / "multi_gpu.yaml")]
    return ["-m", "monai.bundle", "run", run_id, "--config_file", str(files)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_pairs) -> Path:
    """A folder with ten cases, of which eight train, and the run of one process in `one`, all eight a step."""
    folder = tmp_path_factory.mktemp("ranks")
    write_pairs(folder / "data", count=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "unetpp", *FLAGS, "--batch_size", "8"]) == 0
    (folder / "runs").rename(folder / "one")
    return folder


@pytest.fixture
def here(tmp_path, folder, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("data").symlink_to(folder / "data")
    return tmp_path


def wait(process: subprocess.Popen) -> int:
    assert process.wait(PATIENCE) is not None
    return process.returncode


def until(text: str, *logs: str) -> None:
    """Wait until one of the logs has it."""
    end = time.monotonic() + PATIENCE
    while not any(text in Path(log).read_text() for log in logs):
        assert time.monotonic() < end, "".join(Path(log).read_text() for log in logs)
        time.sleep(0.05)


def rows(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(table.open()))


@pytest.mark.slow
def test_two_train_as_one_does(here, folder):
    """Where each step is of all cases: only the order in which floats are added up differs, so that the curves agree to
    a relative 1e-5. Where it is not, the same cases come in other batches, and the curves agree as two seeds do."""
    training = torchrun("--nproc_per_node", "2", *stock("training", "train.yaml"), *FLAGS, "--batch_size", "4")
    assert wait(training) == 0, Path("log").read_text()
    agree(only_run(Path()), folder, epochs=6)
    assert Path("log").read_text().count("epoch 6/6") == 1, "one prints"


def agree(run: Path, folder: Path, epochs: int) -> None:
    """Hold the first epochs of a run against the run of one process."""
    (one,) = (folder / "one").glob("*/metrics.csv")
    mine, theirs = rows(run / "metrics.csv")[:epochs], rows(one)[:epochs]
    assert len(mine) == len(theirs) == epochs
    for row, other in zip(mine, theirs, strict=True):
        for name in other:
            assert float(row[name]) == pytest.approx(float(other[name]), rel=1e-5), name


def test_two_score_as_one_does(here, folder):
    """Bit for bit: each case is scored by one of them, and its scores travel, no means."""
    (record,) = (folder / "one").glob("*/run.json")
    run = record.parent
    scoring = joined(here, ["evaluate", "--model", str(run)], 2)
    assert [one.end() for one in scoring] == [0, 0], scoring[0].log
    assert main(["evaluate", "--model", str(run)]) == 0
    both, alone = sorted(run.glob("evaluation-*"))
    for name in ("cases.csv", "scores.json"):
        assert (both / name).read_bytes() == (alone / name).read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc, to find the processes")
def test_two_machines_train_as_one_does_and_one_goes_on_when_the_other_is_lost(here, folder):
    """Two torchruns that find each other at a port, a process each, as on two machines."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    together = ["--nnodes", "2", "--nproc_per_node", "1", "--rdzv_backend", "c10d", "--rdzv_id", "test"]
    together += ["--rdzv_endpoint", f"localhost:{port}", "--local_addr", "localhost", "--max_restarts", "0"]
    command = [*together, "-m", "monaiseg", "train", "unetpp", *FLAGS, "--epochs", "500", "--batch_size", "4"]
    nodes = [torchrun(*command, log=f"log-{node}") for node in range(2)]
    until("epoch 7/500", "log-0", "log-1")
    (lost,) = children(nodes[1].pid)
    os.kill(lost, signal.SIGKILL)
    begun = time.monotonic()
    assert 0 not in [wait(node) for node in nodes]
    assert time.monotonic() - begun < 60  # what is promised
    assert "monaiseg: error: another process of this training has ended" in (
        Path("log-0").read_text() + Path("log-1").read_text()
    )
    run = only_run(Path())
    agree(run, folder, epochs=6)
    done = verified(run / LAST)["epoch"]
    assert main(["resume", str(run), "--epochs", str(done + 1)]) == 0
    assert len(rows(run / "metrics.csv")) == done + 1
    assert json.loads((run / "run.json").read_text())["status"] == "finished"


def test_a_signal_to_two_loses_nothing(here):
    """Within an epoch, of which each has its own sums and random states; the signal comes to one of them."""
    command = ["train", "unetpp", *FLAGS, "--batch_size", "1", "--resume", "auto", "--output_dir"]
    assert [one.end() for one in joined(here, [*command, "whole"], 2)] == [0, 0]
    training = joined(here, [*command, "runs"], 2)
    training[0].wait(lambda: "epoch 1/6" in training[0].log)
    os.kill(training[1].process.pid, signal.SIGTERM)
    assert [one.end() for one in training] == [75, 75]
    assert "monaiseg: stopped by a signal to another process after step" in training[0].log
    again = joined(here, [*command, "runs"], 2)
    assert [one.end() for one in again] == [0, 0]
    assert "resumed: " in again[0].log
    (record,) = Path("whole").glob("*/run.json")
    assert outcome(only_run(Path())) == outcome(record.parent)


def test_without_the_overlay_two_are_refused(here, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["train", "unetpp", *FLAGS]) == 2
    assert "join them with --config_file" in capsys.readouterr().err
    assert not Path("runs").exists()
