"""Signals that ask a training to stop: noted, so that it can finish its step and save first."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import Any

from ignite.engine import Engine, Events

STOPPED = 75
"""What a process ends with that was asked to stop and has saved: `EX_TEMPFAIL` of sysexits.h, run it again."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""The end of a job's time, Ctrl-C, and what SLURM is told to send before it takes a machine away."""


def tell(line: str) -> None:
    """Write a line to standard error, also while another is being printed, and where nobody reads it any more.

    Ctrl-C of `monaiseg train 2>&1 | tee log` ends `tee` first.
    """
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode())


class StopSignals:
    """Of a trainer: notes the first of `SIGNALS` while it runs; a second one ends the process at once.

    Attributes:
        received: the name of the signal that came, or None.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._before: dict[int, Any] = {}

    def attach(self, trainer: Engine) -> None:
        """Listen while it runs; attach it before a handler that raises again what was raised."""
        trainer.add_event_handler(Events.STARTED, lambda _: self.listen())
        trainer.add_event_handler(Events.COMPLETED, lambda _: self.leave())
        trainer.add_event_handler(Events.EXCEPTION_RAISED, lambda _, error: self.leave())

    def listen(self) -> None:
        """Note signals from now on; does nothing outside of the main thread, where Python has none."""
        self.received = None
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}

    def leave(self) -> None:
        """Treat signals as before."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
        # The system's own: at once, whatever Python is doing. But torchrun hands on what a scheduler sends to all.
        second = signal.SIG_IGN if "TORCHELASTIC_RUN_ID" in os.environ else signal.SIG_DFL
        for other in SIGNALS:
            signal.signal(other, second)
        tell(f"\n{self.received}: finishing this step, then saving; again to stop at once")
