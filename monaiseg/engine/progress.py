"""What a person sees while an engine runs: a bar on a terminal."""

from __future__ import annotations

from ignite.engine import Engine, Events
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from monaiseg._ranks import is_writer


class ProgressBar:
    """Of any engine: a bar on standard error that counts its iterations; nothing where that is no terminal."""

    def __init__(self, description: str) -> None:
        self.description = description
        self._progress: Progress | None = None

    def attach(self, engine: Engine) -> None:
        """Draw while the engine runs."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._advance)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._stop)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._raise)

    def _start(self, engine: Engine) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(
            *columns, console=console, transient=True, disable=not (console.is_terminal and is_writer())
        )
        state = engine.state
        done = state.iteration % state.epoch_length  # of an epoch in which a training was resumed
        self._task = self._progress.add_task(
            f"{self.description} {state.epoch}", total=state.epoch_length, completed=done
        )
        self._progress.start()

    def _advance(self, engine: Engine) -> None:
        if self._progress is not None:
            self._progress.advance(self._task)

    def _stop(self, engine: Engine) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _raise(self, engine: Engine, error: BaseException) -> None:
        # Ignite swallows an exception that has a handler; an open bar would hide the cursor after it.
        self._stop(engine)
        raise error
