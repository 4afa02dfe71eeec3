"""Trainings in processes of their own, which tests interrupt and go on with."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import distributed

PATIENCE = 120
"""Seconds after which a process that should have done something counts as hung."""

SIGNAL_AT = "SIGNAL_AT"
"""The variable by which a process is told at which step it signals itself."""


class Training:
    """`monaiseg ARGUMENTS` in `folder`, in a new process; what it prints is in `log`."""

    def __init__(
        self, folder: Path, arguments: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.folder = folder
        self.met_at: distributed.TCPStore | None = None
        self._log = folder / f"log-{len(list(folder.glob('log-*')))}"
        self._log.touch()
        context = multiprocessing.get_context("forkserver")  # has imported torch already, and no threads
        context.set_forkserver_preload(["interrupted", "monai.bundle", "monai.engines", "monaiseg.engine"])
        self.process: BaseProcess = context.Process(
            target=_train, args=(folder, self._log, tuple(arguments), dict(environment))
        )
        self.process.start()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait(self, condition: Callable[[], object], poll: float = 0.0002) -> bool:
        """Wait until something is so, or the process has ended; tell whether it is."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if not self.process.is_alive():
                return bool(condition())
            assert time.monotonic() < end, f"nothing in {PATIENCE} s:\n{self.log}"
            time.sleep(poll)
        return True

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Send a signal, if it still runs, and return what it ends with: -9 of a kill."""
        if self.process.is_alive():
            os.kill(self.process.pid or 0, number)
        return self.end()

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        self.process.join(PATIENCE)
        assert self.process.exitcode is not None, f"did not end in {PATIENCE} s:\n{self.log}"
        return self.process.exitcode


def meeting() -> tuple[distributed.TCPStore, dict[str, str]]:
    """Where processes meet, as long as it is kept: a port of this process, and the variables by which they find it."""
    store = distributed.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    place = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(store.port)}
    return store, place | {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"}


def joined(
    folder: Path, arguments: Sequence[str], count: int, signals: Mapping[int, int] = MappingProxyType({})
) -> list[Training]:
    """The same command in several processes that are joined as torchrun joins them.

    signals: by rank the step, of those of this process, as which begins it gets a SIGTERM.
    """
    store, place = meeting()
    common = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), **place}
    places = [common | {"RANK": str(one), "LOCAL_RANK": str(one)} for one in range(count)]
    for rank, step in signals.items():
        places[rank][SIGNAL_AT] = str(step)
    trainings = [Training(folder, arguments, place) for place in places]
    trainings[0].met_at = store
    return trainings


def _train(folder: Path, log: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    with log.open("wb", buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    from monaiseg.cli import main

    if SIGNAL_AT in environment:
        _signal_at(int(environment[SIGNAL_AT]))
    sys.exit(main([*arguments]))


def _signal_at(step: int) -> None:
    """Let every training of this process signal itself as a step begins: no test has to meet the moment."""
    from ignite.engine import Events
    from signalled import at

    from monaiseg.engine.stopping import StopSignals

    attach = StopSignals.attach

    def attach_both(self: StopSignals, trainer: Any) -> None:
        attach(self, trainer)
        at(Events.ITERATION_STARTED, step)(trainer, None)

    StopSignals.attach = attach_both  # type: ignore[method-assign]


def only_run(folder: Path) -> Path:
    """The folder of the only run in `folder/runs`."""
    (record,) = (folder / "runs").glob("*/run.json")
    return record.parent


def outcome(run: Path) -> dict[str, object]:
    """All of a run that an interruption must not change."""
    files = {name: (run / name).read_bytes() for name in ("model.pt", "metrics.csv", "cases.csv", "scores.json")}
    facts = json.loads((run / "run.json").read_text())
    return files | {key: facts[key] for key in ("best", "status", "epochs_done", "stopped_early")}


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
