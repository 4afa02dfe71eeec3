"""Errors in one line under MONAI's own command, whose tracebacks bury the cause."""

from __future__ import annotations

import logging
import os
import sys
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


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    cause = cause_of(error)
    if isinstance(cause, MonaisegError):
        print(f"monaiseg: error: {cause}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)
