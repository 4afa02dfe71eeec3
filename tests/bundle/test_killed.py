"""A training that is killed, whenever and however often, ends with what it would have ended with."""

import os
import random
import signal
import time

import pytest
from interrupted import Training, only_run, outcome

KILLS = int(os.environ.get("MONAISEG_KILLS", "5"))
"""How often the training is killed; more by hand: MONAISEG_KILLS=20 pytest tests/bundle/test_killed.py."""

FLAGS = (
    f"train unetpp --data_root data --arch_options {{'features':(8,16,32)}} --epochs {4 + 2 * KILLS} "
    "--roi_size 32 --batch_size 2 --lr 0.01 --device cpu --val_interval 2 --checkpoint_minutes 0.0001 --resume auto"
).split()

PARTS = "runs/*/.last.pt.*.part"


@pytest.fixture(scope="module")
def whole(tmp_path_factory, write_pairs):
    """A folder with data and the run that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    write_pairs(folder / "data", count=12)
    training = Training(folder, FLAGS)
    assert training.end() == 0, training.log
    return folder


def until(training: Training, turn: int, moment: float) -> None:
    """Wait until the training is to be killed: as it starts, as it trains, or, every second time, within a writing."""
    if turn % 4 == 2:
        time.sleep(moment)
        return
    assert training.wait(lambda: "run folder:" in training.log)
    before = set(training.folder.glob(PARTS))
    if turn % 2:
        training.wait(lambda: set(training.folder.glob(PARTS)) - before)
    else:
        time.sleep(moment / 2)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_result_is_that_of_the_run_nobody_interrupts(whole, tmp_path, number):
    """At random moments, every second time while a checkpoint is written; with 0, 1 and 2 workers in turn."""
    (tmp_path / "data").symlink_to(whole / "data")
    moments, turn, inside = random.Random(KILLS), 0, 0
    while turn < KILLS or (number == signal.SIGKILL and not inside and turn < 4 * KILLS):
        before = set(tmp_path.glob(PARTS))
        training = Training(tmp_path, [*FLAGS, "--num_workers", str(turn % 3)])
        until(training, turn if turn < KILLS else 1, moments.random())
        codes = {-number} if number == signal.SIGKILL else {75} if "run folder:" in training.log else {75, -number}
        assert training.kill(number) in codes, training.log
        inside += bool(set(tmp_path.glob(PARTS)) - before)
        turn += 1
    training = Training(tmp_path, FLAGS)
    assert training.end() == 0, training.log
    print(f"{turn} times {number.name}, {inside} of them within the writing of a checkpoint")
    assert bool(inside) == (number == signal.SIGKILL)
    assert not list(tmp_path.glob(PARTS))
    assert outcome(only_run(tmp_path)) == outcome(only_run(whole))
