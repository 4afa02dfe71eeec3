"""Errors in one line under MONAI's own command, whose tracebacks bury the cause."""

from __future__ import annotations

import logging
import os
import sys
import threading
from types import TracebackType

from monaiseg.errors import MonaisegError, cause_of

DEBUG = "MONAISEG_DEBUG"


def one_line_errors() -> None:
    """From now on let an uncaught monaiseg error end the process with its one line instead of a traceback.

    A bundle calls it when it initialises. `MONAISEG_DEBUG=1` leaves tracebacks as they are; other errors always are.
    """
    # The bundle's engines log the same error again, with a traceback.
    for name in ("ignite.engine.engine.SupervisedTrainer", "ignite.engine.engine.SupervisedEvaluator"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if os.environ.get(DEBUG) != "1":
        sys.excepthook = _show
        threading.excepthook = _show_of_thread


def begin_together(device: str = "auto") -> None:
    """Join the processes that torchrun has started, and let errors be one line; an overlay calls it as it begins.

    Args:
        device: the key of the bundle; where that is the CPU, GPUs are left alone.

    Raises:
        ConfigError: as `join_ranks` does.
    """
    from monaiseg.engine.parallel import join_ranks

    one_line_errors()
    join_ranks(device)


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    cause = cause_of(error)
    if isinstance(cause, MonaisegError):
        print(f"monaiseg: error: {cause}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def _show_of_thread(error: threading.ExceptHookArgs) -> None:
    # TensorBoard raises what its thread met again in the thread that writes to it.
    if error.exc_value is None or not isinstance(cause_of(error.exc_value), MonaisegError):
        threading.__excepthook__(error)
