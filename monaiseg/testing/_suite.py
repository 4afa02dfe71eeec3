"""Runs checks: each once, after those that it builds on, with failures that the spec expects told apart."""

from __future__ import annotations

import contextlib
import difflib
import io
import logging
import re
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from monaiseg._registry import Entry, registry
from monaiseg.errors import ConfigError, MonaisegError, OptionError, suggest
from monaiseg.testing._catalogue import checks
from monaiseg.testing._check import KINDS, Check, CheckResult, NotApplicable, PromiseBroken, Status, case_id

Case = tuple[Check, int | None]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Suite:
    """The checks of one network, encoder or block.

    Args:
        name: as users type it, `plugin:name` where the name alone is ambiguous.
        kind: `network`, `encoder` or `block`; None: the one that has the name.
        spatial_dims: the number of dimensions to check it in; None: each that it declares.
        options: what it is built with, over the spec's `tiny`.
        only: names of the checks to run, as `onnx` or `onnx-2d`; empty: all.
        skip: names of those to leave out.

    Raises:
        NameNotFound, AmbiguousName: no plugin provides it, or several do.
        ConfigError: there is no such check, or the options are no mapping.
        OptionError: it cannot be built in these dimensions.
    """

    def __init__(
        self,
        name: str,
        kind: str | None = None,
        *,
        spatial_dims: int | None = None,
        options: Mapping[str, Any] | None = None,
        only: Iterable[str] = (),
        skip: Iterable[str] = (),
    ) -> None:
        if not isinstance(options, Mapping | None):
            raise ConfigError(f"options is {options!r}; it must be a mapping such as {{'norm': 'instance'}}")
        self.entry = find(name, kind)
        self.options = dict(options or {})
        if self.options.get("encoder"):
            registry().find("encoder", self.options["encoder"])
        declared = self.entry.spec.spatial_dims
        if spatial_dims is not None and spatial_dims not in declared:
            can = " or ".join(map(str, declared))
            raise OptionError(f"{self.entry.spec.kind} {name!r} takes spatial_dims {can}, not {spatial_dims!r}")
        self.spatial_dims = declared if spatial_dims is None else (spatial_dims,)
        all_cases = {
            case_id(check.name, dims): (check, dims)
            for check in checks(self.entry.spec.kind)
            for dims in ((None,) if check.once else self.spatial_dims)
        }
        self.cases = _selected(all_cases, tuple(only), tuple(skip))
        self._all = all_cases
        self._results: dict[str, CheckResult] = {}
        self._subjects: dict[int, Any] = {}
        self._blocked: dict[str, str] = {}  # cases that were left out, by the failure for which they were

    @property
    def label(self) -> str:
        """As messages name it: `network 'unet'`."""
        return f"{self.entry.spec.kind} {self.entry.spec.name!r}"

    def __iter__(self) -> Iterator[CheckResult]:
        """Run the selected checks one by one."""
        return (self.result(case) for case in self.cases)

    def result(self, case: str) -> CheckResult:
        """Return what came of a check, by its id such as `logits-2d`; it is run at the first call."""
        if case not in self._results:
            self._results[case] = self._judged(*self._all[case])
        return self._results[case]

    def _judged(self, check: Check, dims: int | None) -> CheckResult:
        missing = self._missing(check, dims)
        start = time.perf_counter()
        status, message = missing or self._run(check, dims)
        reasons = self.entry.spec.expected_failures
        reason = reasons.get(case_id(check.name, dims), reasons.get(check.name))
        if reason is not None and status == "failed":
            status, message = "expected", f"{reason} ({message})"
        elif reason is not None and status == "passed":
            status, message = (
                "failed",
                f"it passes: remove it from expected_failures ({reason})",
            )
        return CheckResult(check.name, check.promise, dims, status, message, time.perf_counter() - start)

    def _missing(self, check: Check, dims: int | None) -> tuple[Status, str] | None:
        """Return why the check cannot be made: a package that is not installed, or a promise it builds on."""
        absent = [package for package in check.needs if find_spec(package) is None]
        if absent:
            return "skipped", f"{absent[0]} is not installed: pip install monaiseg[onnx]"
        for name in check.after:
            before = self.result(name if name in self._all else case_id(name, dims or self.spatial_dims[0]))
            root = before.id if before.status in ("failed", "expected") else self._blocked.get(before.id)
            if root is not None:
                self._blocked[case_id(check.name, dims)] = root
                return "skipped", f"means nothing while {root} fails"
        return None

    def _run(self, check: Check, dims: int | None) -> tuple[Status, str]:
        with _hushed():
            try:
                check.run(self._subject(dims or self.spatial_dims[0]))
            except NotApplicable as reason:
                return "skipped", _one_line(reason)
            except (PromiseBroken, MonaisegError) as error:
                return "failed", _one_line(error)
            except Exception as error:
                return "failed", f"{type(error).__name__}: {_one_line(error)}"
        return "passed", ""

    def _subject(self, dims: int) -> Any:
        from monaiseg.testing._subject import Subject

        if dims not in self._subjects:
            self._subjects[dims] = Subject(self.entry, dims, self.options)
        return self._subjects[dims]


def find(name: str, kind: str | None) -> Entry:
    """Return the entry of that name; without a kind, of the one kind that has it."""
    if kind is not None:
        return registry().find(kind, name)
    names = {k: [n for e in registry().entries(k) for n in (e.spec.name, e.qualified)] for k in KINDS}
    kinds = [k for k in KINDS if name in names[k]]
    if len(kinds) > 1:
        raise ConfigError(f"{name!r} is a {' and a '.join(kinds)}; say which with kind")
    # For none, the error comes from where there are the names most like it.
    like = {k: max((difflib.SequenceMatcher(None, n, name).ratio() for n in names[k]), default=0.0) for k in KINDS}
    return registry().find(kinds[0] if kinds else max(KINDS, key=like.__getitem__), name)


def _selected(cases: Mapping[str, Case], only: tuple[str, ...], skip: tuple[str, ...]) -> tuple[str, ...]:
    known = {*cases, *(check.name for check, _ in cases.values())}
    for name in (*only, *skip):
        if name not in known:
            raise ConfigError(f"there is no check {name!r}{suggest(name, known)}")
    return tuple(
        case
        for case, (check, _) in cases.items()
        if (not only or {case, check.name} & {*only}) and not {case, check.name} & {*skip}
    )


def _one_line(error: BaseException) -> str:
    text = " ".join(_COLOUR.sub("", str(error)).split())
    return text if len(text) < 300 else f"{text[:300]}..."


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep to themselves what libraries and networks print, log and warn of: it is no part of a result."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
