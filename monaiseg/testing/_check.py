"""What a check is, what comes of one, and the words in which it says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

KINDS = ("network", "encoder", "block")
Status = Literal["passed", "failed", "expected", "skipped"]
Run = Callable[[Any], None]
"""Takes a subject; returns if it keeps the promise."""


class PromiseBroken(Exception):
    """The subject does not keep the promise; the message says what was seen."""


class NotApplicable(Exception):
    """The check has nothing to judge here; the message says why."""


@dataclass(frozen=True)
class Check:
    """One promise of the contract and how it is tried.

    Attributes:
        name: what `--only`, `--skip` and a spec's `expected_failures` call it.
        promise: what the subject keeps, in a line.
        run: tries it; raises `PromiseBroken` or `NotApplicable`, and any other error is a broken promise too.
        kinds: to which of network, encoder and block it applies.
        after: names of the checks without which it means nothing.
        needs: optional packages.
        once: whether one number of dimensions is enough.
    """

    name: str
    promise: str
    run: Run
    kinds: tuple[str, ...]
    after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    once: bool = False

    @property
    def how(self) -> str:
        """How the promise is tried, in a sentence."""
        return " ".join((self.run.__doc__ or "").split())


@dataclass(frozen=True)
class CheckResult:
    """What came of a check.

    Attributes:
        check: its name.
        spatial_dims: the dimensions it was run in; None where one number of them is enough.
        status: `passed`, `failed`, `expected` (it failed, and the spec says why) or `skipped`.
        message: why, in a line; nothing where it passed.
        seconds: how long it took.
    """

    check: str
    promise: str
    spatial_dims: int | None
    status: Status
    message: str
    seconds: float

    @property
    def id(self) -> str:
        """The check's name, with its dimensions where they matter: `logits-2d`."""
        return case_id(self.check, self.spatial_dims)


def case_id(check: str, spatial_dims: int | None) -> str:
    """Return `logits-2d`, or the name alone without dimensions."""
    return check if spatial_dims is None else f"{check}-{spatial_dims}d"


REGISTERED: list[Check] = []
"""The checks of the modules imported so far; `monaiseg.testing.checks` gives all."""


def check(
    promise: str,
    *,
    kinds: tuple[str, ...] = ("network",),
    after: tuple[str, ...] = ("builds",),
    needs: tuple[str, ...] = (),
    once: bool = False,
) -> Callable[[Run], Run]:
    """Make a check of a function, which gives it its name and, as docstring, the sentence on how."""

    def register(run: Run) -> Run:
        REGISTERED.append(Check(run.__name__, promise, run, kinds, after, needs, once))
        return run

    return register


def require(kept: bool, seen: str) -> None:
    """Raise `PromiseBroken` with what was seen, unless the promise is kept."""
    if not kept:
        raise PromiseBroken(seen)
