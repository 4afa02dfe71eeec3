"""Saves the whole state of a training as it goes, goes on from one, and stops without losing a step."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from ignite.engine import Engine, Events

from monaiseg._numbers import number
from monaiseg._ranks import gathered, is_writer, largest, rank, world
from monaiseg._seeding import random_states, restore_random_states
from monaiseg._tensors import plain
from monaiseg.data import EpochSampler
from monaiseg.engine.checkpoint import LAST, write_checkpoint
from monaiseg.engine.report import Recorder
from monaiseg.engine.stopping import STOPPED, StopSignals, tell
from monaiseg.errors import ConfigError, MonaisegError, cause_of, first_line

NOTHING, SAVE, STOP = range(3)
"""What a process wishes for after a step; the most that any wishes for is done by all."""


class Part(Protocol):
    """What has a state that a training is gone on with, as torch's modules and optimizers have."""

    def state_dict(self) -> Mapping[str, Any]:
        """Return it as tensors, numbers, words, and lists and dicts of them."""

    def load_state_dict(self, state_dict: Any) -> Any:
        """Put it back."""


class Checkpoints:
    """Of a trainer: writes `last.pt` at the end of each epoch, every so many minutes, and where it is told to stop.

    Where the run folder has a state to go on with, the training starts from it: from within an epoch as well, as its
    `EpochSampler` gives the batches of any epoch from any place on.

    Args:
        run_folder: where it is written; what is to be gone on with.
        evaluator: which is left in the middle of an evaluation where the training is told to stop.
        parts: by the names under which `last.pt` has their states.
        minutes: after which to save within an epoch; 0: at the ends of epochs alone.
        signals: tells when to stop.
        check: raises where the state is not worth keeping.
        accumulate: batches whose gradients are added up for a step of the optimizer: nothing is saved between them.
        resumed: what is called once a state was put back.
    """

    def __init__(
        self,
        run_folder: Recorder,
        evaluator: Engine,
        parts: Mapping[str, Part],
        *,
        minutes: float,
        signals: StopSignals,
        check: Callable[[], None],
        accumulate: int,
        resumed: Callable[[Engine], None],
    ) -> None:
        self.run_folder = run_folder
        self.evaluator = evaluator
        self.parts = parts
        self.minutes = number("checkpoint_minutes", minutes)
        self.signals = signals
        self.check = check
        self.accumulate = accumulate
        self.resumed = resumed
        self._saved = time.monotonic()

    def attach(self, trainer: Engine) -> None:
        """Restore at the start, save as it goes; attach it after the handlers whose states it keeps."""
        trainer.add_event_handler(Events.STARTED, self._restore)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._after_step)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._after_epoch)
        self.evaluator.add_event_handler(Events.ITERATION_COMPLETED, lambda _: self._within_validation(trainer))

    def save(self, trainer: Engine, epoch_ended: bool) -> None:
        """Write the state; `epoch_ended`: whether the validation of the epoch is in it."""
        self.check()
        state = trainer.state
        states: dict[str, Any] = {name: dict(part.state_dict()) for name, part in self.parts.items()}
        states |= {key: getattr(state, key) for key in ("epoch", "iteration", "epoch_length", "max_epochs")}
        states |= {"epoch_ended": epoch_ended, "random": gathered(random_states())}
        if is_writer():
            write_checkpoint(self.run_folder.path, plain(states))
        self._saved = time.monotonic()

    def _after_step(self, trainer: Engine) -> None:
        done = trainer.state.iteration % trainer.state.epoch_length
        ends = done == 0
        if done % self.accumulate and not ends:
            return
        due = self.minutes and not ends and time.monotonic() - self._saved > 60 * self.minutes
        wish = largest(STOP if self.signals.received else SAVE if due else NOTHING)
        if wish:
            self.save(trainer, epoch_ended=False)
        if wish == STOP:
            self._stop(trainer)

    def _after_epoch(self, trainer: Engine) -> None:
        self.save(trainer, epoch_ended=True)
        goes_on = trainer.state.epoch < trainer.state.max_epochs and not trainer.should_terminate
        if goes_on and largest(STOP if self.signals.received else NOTHING):
            self._stop(trainer)

    def _within_validation(self, trainer: Engine) -> None:
        if self.signals.received and world() == 1:  # several are at different cases: they end the validation first
            self.save(trainer, epoch_ended=False)
            self._stop(trainer)

    def _stop(self, trainer: Engine) -> None:
        """End the process, whose state is on the disk."""
        folder, state = self.run_folder.path, trainer.state
        told = self.signals.received or "a signal to another process"
        self.run_folder.record(status="interrupted")
        if is_writer():
            tell(
                f"monaiseg: stopped by {told} after step {state.iteration} (epoch {state.epoch}), which is saved in "
                f"{folder / LAST}; go on with monaiseg resume {shlex.quote(str(folder))}"
            )
        gathered(None)  # torchrun ends all as soon as one has ended: not before the writer has written
        raise SystemExit(STOPPED)

    def _restore(self, trainer: Engine) -> None:
        kept, self._saved = self.run_folder.checkpoint, time.monotonic()
        if kept is None:
            return
        self.run_folder.checkpoint = None  # the weights need not be there twice
        with _naming(self.run_folder.path / LAST):
            for name, part in self.parts.items():
                part.load_state_dict(kept[name])
            self._enter(trainer, kept)
            if rank() < len(kept["random"]):
                restore_random_states(kept["random"][rank()])
        print(
            f"resumed: {self.run_folder.path} after step {trainer.state.iteration} (epoch {kept['epoch']})", flush=True
        )
        if not kept["epoch_ended"] and kept["iteration"] % kept["epoch_length"] == 0:
            trainer.fire_event(Events.EPOCH_COMPLETED)  # all its steps were done, and what follows them was not
        self.resumed(trainer)

    def _enter(self, trainer: Engine, kept: Mapping[str, Any]) -> None:
        """Put the trainer, and the order of its batches, where the training was left."""
        state, left = trainer.state, kept["iteration"] % kept["epoch_length"]
        # Epochs have other lengths where other numbers of processes share the cases: as much of one is done as was.
        done = left * state.epoch_length // kept["epoch_length"]
        done -= done % self.accumulate
        state.epoch = kept["epoch"] - (left > 0)
        state.iteration = state.epoch * state.epoch_length + done
        sampler = getattr(trainer.data_loader, "sampler", None)
        if done and isinstance(sampler, EpochSampler):
            sampler.enter(kept["epoch"], done * trainer.data_loader.batch_size)
        elif done:
            print("resume: the training's data loader has no EpochSampler, so that some cases of this epoch come twice")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let what a part has against its state be a ConfigError that names the file; memory that is out stays that."""
    try:
        yield
    except Exception as error:
        if isinstance(cause_of(error), MonaisegError):
            raise
        told = f"cannot be gone on with ({first_line(error)}); restore it, or start a new run"
        raise ConfigError(f"{path}: {told}") from error
