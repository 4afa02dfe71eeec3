"""The checks as a test of an author's own suite: `test_conformance = conformance("my_net")`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from monaiseg.testing._suite import Suite


def conformance(
    name: str,
    kind: str | None = None,
    *,
    spatial_dims: int | None = None,
    options: Mapping[str, Any] | None = None,
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
) -> Callable[[str], None]:
    """Return a test with one parameter, the check: `test_conformance[logits-2d]`, marked `conformance`.

    Failures that the spec expects are xfails, and one of them that passes is a failure. Arguments and errors as those
    of `monaiseg.testing.Suite`.
    """
    suite = Suite(name, kind, spatial_dims=spatial_dims, options=options, only=only, skip=skip)

    @pytest.mark.conformance
    @pytest.mark.parametrize("promise", suite.cases)
    def test_conformance(promise: str) -> None:
        tell(suite, promise)

    return test_conformance


class ConformanceItem(pytest.Item):
    """A check as `pytest --monaiseg NAME` runs it, without a test file."""

    suite: Suite
    case: str

    def runtest(self) -> None:
        """Run the check."""
        tell(self.suite, self.case)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return where it stands in reports."""
        return self.path, None, f"monaiseg::{self.suite.entry.spec.name}::{self.case}"


def items_of(session: pytest.Session, name: str) -> list[pytest.Item]:
    """Return a test for each check of what bears the name."""
    suite = Suite(name)
    items: list[pytest.Item] = []
    for case in suite.cases:
        item = ConformanceItem.from_parent(session, name=case, nodeid=f"monaiseg::{name}::{case}")
        item.suite, item.case = suite, case
        item.add_marker(pytest.mark.conformance)
        items.append(item)
    return items


def tell(suite: Suite, case: str) -> None:
    """Run a check and end the test as it ends."""
    result = suite.result(case)
    if result.status == "skipped":
        pytest.skip(result.message)
    if result.status == "expected":
        pytest.xfail(result.message)
    if result.status == "failed":
        pytest.fail(f"{suite.label}: {result.promise}: {result.message}", pytrace=False)
