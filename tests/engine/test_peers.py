"""What is told where a process of a group does not answer: torch has no class of error for it, but words."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import torch
from torch import distributed

from monaiseg.errors import TrainingError, cause_of

SHORT = timedelta(seconds=1)


def groups() -> list[distributed.ProcessGroupGloo]:
    """Two ranks of a group, in two threads of this process, with little patience."""
    store, made = distributed.HashStore(), {}
    threads = [
        threading.Thread(
            target=lambda rank=rank: made.update({rank: distributed.ProcessGroupGloo(store, rank, 2, SHORT)})
        )
        for rank in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [made[0], made[1]]


def nobody_adds() -> None:
    group, _silent = groups()
    group.allreduce([torch.ones(4)]).wait()


def nobody_receives() -> None:
    group, _silent = groups()
    options = distributed.BroadcastOptions()
    options.rootRank = 0
    group.broadcast([torch.ones(4)], options).wait()


def it_is_asked_again() -> None:
    group, _silent = groups()
    with pytest.raises(RuntimeError):
        group.allreduce([torch.ones(4)]).wait()
    group.allreduce([torch.ones(4)]).wait()


def nobody_writes() -> None:
    distributed.TCPStore("localhost", 0, is_master=True, wait_for_workers=False).wait(["never"], SHORT)


def nobody_comes() -> None:
    distributed.TCPStore("localhost", 0, world_size=2, is_master=True, timeout=SHORT)


def nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("localhost", 0))
        distributed.TCPStore("localhost", bound.getsockname()[1], is_master=False, timeout=SHORT)


@pytest.mark.parametrize(
    "wait", [nobody_adds, nobody_receives, it_is_asked_again, nobody_writes, nobody_comes, nobody_listens]
)
def test_a_wait_that_was_in_vain_is_told_in_a_line(wait: Callable[[], None]) -> None:
    with pytest.raises(RuntimeError) as raised:
        wait()
    told = cause_of(raised.value)
    assert isinstance(told, TrainingError), str(raised.value)
    assert "another process of this training did not answer in time" in str(told)


def test_so_is_one_of_gpus() -> None:
    """As torch's source words it, since it takes several GPUs to be met."""
    words = "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=4) ran for 1800001 milliseconds"
    assert "did not answer in time" in str(cause_of(RuntimeError(words)))
