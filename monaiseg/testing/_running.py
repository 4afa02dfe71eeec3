"""Runs all checks of one name in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from monaiseg.errors import MonaisegError
from monaiseg.testing._check import CheckResult
from monaiseg.testing._suite import Suite


class NotConforming(MonaisegError, AssertionError):
    """A network, encoder or block breaks a promise of the contract."""


def run_checks(
    name: str,
    kind: str | None = None,
    *,
    spatial_dims: int | None = None,
    options: Mapping[str, Any] | None = None,
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
) -> list[CheckResult]:
    """Return what came of each check; arguments and errors as those of `Suite`."""
    return list(Suite(name, kind, spatial_dims=spatial_dims, options=options, only=only, skip=skip))


def assert_conforms(
    name: str,
    kind: str | None = None,
    *,
    spatial_dims: int | None = None,
    options: Mapping[str, Any] | None = None,
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
) -> None:
    """Run the checks; arguments and errors as those of `Suite`.

    Raises:
        NotConforming: a promise is broken; the message says which, and what was seen.
    """
    suite = Suite(name, kind, spatial_dims=spatial_dims, options=options, only=only, skip=skip)
    require_conforming(suite.label, suite)


def require_conforming(label: str, results: Iterable[CheckResult]) -> None:
    """Raise `NotConforming` if a result is a failure."""
    broken = [result for result in results if result.status == "failed"]
    if broken:
        told = "; ".join(f"{result.id}: {result.message}" for result in broken)
        raise NotConforming(f"{label} breaks {len(broken)} promise{'s' * (len(broken) > 1)}: {told}")
