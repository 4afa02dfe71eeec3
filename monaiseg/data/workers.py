"""Processes that load: what a signal to the whole group means to them."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from monai.data.utils import worker_init_fn

from monaiseg._numbers import count


def checked_workers(num_workers: Any) -> int:
    """Return a number of processes; raises ConfigError unless it is a whole number from 0."""
    return count("num_workers", num_workers, least=0)


def start_worker(number: int) -> None:
    """Begin as MONAI's workers do, and leave signals to the process that trains: it finishes its step, and needs them.

    Schedulers send SIGTERM to every process of a job. A worker ends at that of its parent alone, which ends workers so.
    """
    worker_init_fn(number)
    for ignored in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(ignored, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # which tells who has sent it; macOS has none
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
