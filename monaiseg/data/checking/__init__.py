"""Looks at every file of a data set before anyone trains on it: what is there, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from monaiseg.data.ahead import work_ahead
from monaiseg.data.cases import Case, images_of
from monaiseg.data.checking._classes import Expected, expected
from monaiseg.data.checking._facts import CaseFacts, Fault, ImageFacts
from monaiseg.data.checking._images import look_at_image
from monaiseg.data.checking._labels import look_at_label
from monaiseg.data.checking._leaks import Copies, Groups
from monaiseg.data.checking._likeness import Likenesses
from monaiseg.data.checking._summary import Summary
from monaiseg.data.classes import Classes
from monaiseg.data.layouts import FoundData, find_data
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
    faults += [replace(Fault.of(error), severity="warning") for error in found.spared]
    faults += [_orphan(file) for file in found.orphans]
    expect = expected(found, classes, faults)
    named = expect.classes if expect.named else None
    report = CheckReport(found, named, Summary(named), faults)
    copies, groups, likenesses = Copies(), Groups(), Likenesses()
    for facts in _look_at_all(found, expect):
        report.summary.add(facts)
        faults += [*facts.faults, *copies.add(facts), *groups.add(facts)]
        likenesses.add(facts)
        see(facts)
    faults += likenesses.faults(str(found.root))
    report.alike = [*copies.pairs, *likenesses.alike]
    faults += report.summary.faults(str(found.root))
    faults.sort(key=lambda fault: fault.severity != "error")
    return report


def _orphan(file: str) -> Fault:
    return Fault("warning", "unpaired", file, "has no image, and is left out; add the image or remove the mask")


def _look_at_all(found: FoundData, expect: Expected) -> Iterator[CaseFacts]:
    parts = ((part, case) for part, cases in found.parts.items() for case in cases)
    return work_ahead(lambda entry: _look_at(entry[1], entry[0], expect), parts, LOOKERS)


def _look_at(case: Case, part: str, expect: Expected) -> CaseFacts:
    facts = CaseFacts(case, part)
    try:
        look_at_image(facts)
    except DataError as error:
        facts.faults.append(Fault.of(error))
    if facts.image is not None and not _is_as_expected(facts, facts.image, expect):
        return facts
    if case["label"]:
        look_at_label(facts, expect.dims, expect.classes)
    return facts


def _is_as_expected(facts: CaseFacts, image: ImageFacts, expect: Expected) -> bool:
    """Tell whether an image has the dimensions and channels of most; add a fault if it has not."""
    file = images_of(facts.case)[0]
    if len(image.size) != expect.dims:
        told = f"has {len(image.size)} dimensions, other cases {expect.dims}; remove it or them"
        facts.fault("error", "dimensions", file, told)
        image.look = None  # which cannot be compared with those of the others
    elif image.channels != expect.channels:
        told = f"has {image.channels} channels, other cases {expect.channels}; remove it or them"
        facts.fault("error", "channels", file, told)
    return len(image.size) == expect.dims
