"""Looks at every file of a data set before anyone trains on it: what is there, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from monaiseg.data.ahead import work_ahead
from monaiseg.data.cases import Case, images_of
from monaiseg.data.checking._facts import CaseFacts, Fault
from monaiseg.data.checking._images import look_at_image
from monaiseg.data.checking._labels import look_at_label
from monaiseg.data.checking._likeness import Likenesses
from monaiseg.data.checking._summary import Summary
from monaiseg.data.classes import Classes, classes_of
from monaiseg.data.labels import SEEN, find_classes
from monaiseg.data.layouts import FoundData, find_data
from monaiseg.data.reading import image_shape
from monaiseg.errors import DataError

__all__ = ["CaseFacts", "CheckReport", "Fault", "Summary", "check_data"]

LOOKERS = 2
"""Threads that look at cases: most of it is decoding, which lets go of Python's lock."""


@dataclass
class CheckReport:
    """What is in a data set, and what is wrong with it.

    Attributes:
        found: where its cases are, and how they are laid out.
        classes: what their label channels are; None where the labels do not tell.
        summary: what the cases have, counted.
        faults: errors first.
        alike: the pairs of cases that show nearly the same.
    """

    found: FoundData
    classes: Classes | None
    summary: Summary
    faults: list[Fault] = field(default_factory=list)
    alike: list[tuple[Case, Case]] = field(default_factory=list)

    @property
    def worst(self) -> str:
        """`error`, `warning` or `clean`."""
        found = {fault.severity for fault in self.faults}
        return next((severity for severity in ("error", "warning") if severity in found), "clean")

    def record(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "root": str(self.found.root),
            "layout": self.found.layout,
            "classes": self.classes.record() if self.classes else None,
            **self.summary.record(),
            "worst": self.worst,
            "notes": self.found.notes,
            "faults": [vars(fault) for fault in self.faults],
        }


def check_data(
    root: Path,
    layout: str = "auto",
    classes: str | Mapping[str, Any] = "auto",
    see: Callable[[CaseFacts], None] = lambda facts: None,
) -> CheckReport:
    """Return what is in a folder and what is wrong with it.

    Cases are looked at one after another and forgotten, so that memory stays flat however large the folder is.

    Args:
        root: the folder, or a file that lists cases.
        layout: as `load_cases` takes it; `classes` likewise.
        see: called with the facts of each case, to show progress or pick cases for a picture.

    Raises:
        DataError: the folder cannot be recognised, or holds no case.
        ConfigError: `layout` or `classes` cannot be used.
    """
    found = find_data(root, layout)
    faults = [Fault.of(error) for error in found.faults]
    named, dims = _classes(found, classes, faults)
    report = CheckReport(found, named, Summary(named), faults)
    twins, likenesses = Twins(), Likenesses()
    for facts in _look_at_all(found, dims, named):
        report.summary.add(facts)
        faults += facts.faults
        twins.add(facts, faults)
        likenesses.add(facts)
        see(facts)
    faults += likenesses.faults(str(found.root))
    report.alike = likenesses.alike
    faults += report.summary.faults(str(found.root))
    faults.sort(key=lambda fault: fault.severity != "error")
    return report


class Twins:
    """Finds pictures that are the same to the last pixel."""

    def __init__(self) -> None:
        self._first: dict[bytes, tuple[str, str]] = {}

    def add(self, facts: CaseFacts, faults: list[Fault]) -> None:
        """Take a case into account, and add a fault if its image came before."""
        if facts.image is None:
            return
        file = images_of(facts.case)[0]
        first, part = self._first.setdefault(facts.image.digest, (file, facts.part))
        if first != file:
            where = "" if part == facts.part else f", which is in {part} and not in {facts.part}"
            message = f"shows the same as {first}{where}; keep one of the two"
            faults.append(Fault("warning", "duplicate" if part == facts.part else "leak", file, message))


def _classes(found: FoundData, classes: str | Mapping[str, Any], faults: list[Fault]) -> tuple[Classes | None, int]:
    """Return the classes, or None where the labels leave them in doubt, and the dimensions of most cases."""
    looked_at = Counter(dims for case in found.cases[:SEEN] if (dims := _dims(case)))
    dims = looked_at.most_common(1)[0][0] if looked_at else 2
    if isinstance(classes, Mapping):
        return classes_of(classes, "classes"), dims
    if found.classes is not None:
        return found.classes, dims
    readable = list(islice((case for case in found.cases if _is_readable(case, dims)), SEEN))
    if not readable:
        return None, dims
    try:
        return find_classes(readable, dims), dims
    except DataError as error:
        faults.append(Fault.of(error))
        return None, dims


def _dims(case: Case) -> int:
    try:
        return len(image_shape(case)[1])
    except DataError:
        return 0


def _is_readable(case: Case, dims: int) -> bool:
    """Tell whether the classes of a case can be found; what is wrong with it is told when it is looked at."""
    try:
        find_classes([case], dims)
    except DataError as error:
        return error.kind == "gaps"
    return True


def _look_at_all(found: FoundData, dims: int, classes: Classes | None) -> Iterator[CaseFacts]:
    parts = ((part, case) for part, cases in found.parts.items() for case in cases)
    return work_ahead(lambda entry: _look_at(entry[1], entry[0], dims, classes), parts, LOOKERS)


def _look_at(case: Case, part: str, dims: int, classes: Classes | None) -> CaseFacts:
    facts = CaseFacts(case, part)
    try:
        look_at_image(facts)
        if facts.image is not None and len(facts.image.size) != dims:
            message = f"has {len(facts.image.size)} dimensions, other cases {dims}; remove it or them"
            facts.fault("error", "dimensions", images_of(case)[0], message)
            return facts
    except DataError as error:
        facts.faults.append(Fault.of(error))
    look_at_label(facts, dims, classes)
    return facts
