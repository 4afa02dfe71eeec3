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


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_result_is_that_of_the_run_nobody_interrupts(whole, tmp_path, number):
    """At random moments, every second time while a checkpoint is written; with 0, 1 and 2 workers in turn."""
    (tmp_path / "data").symlink_to(whole / "data")
    moments, inside = random.Random(KILLS), 0
    for turn in range(KILLS):
        training = Training(tmp_path, [*FLAGS, "--num_workers", str(turn % 3)])
        assert training.wait(lambda log=training: "run folder:" in log.log)
        before = set(tmp_path.glob(PARTS))
        if turn % 2:
            training.wait(lambda seen=before: set(tmp_path.glob(PARTS)) - seen)
        else:
            time.sleep(moments.uniform(0, 0.5))
        code = training.kill(number)
        inside += bool(set(tmp_path.glob(PARTS)))
        assert code == (75 if number == signal.SIGTERM else -number), training.log
    training = Training(tmp_path, FLAGS)
    assert training.end() == 0, training.log
    assert bool(inside) == (number == signal.SIGKILL)
    assert not list(tmp_path.glob(PARTS))
    assert outcome(only_run(tmp_path)) == outcome(only_run(whole))
