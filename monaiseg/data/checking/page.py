"""The page of a check: its counts, its faults, and pictures of cases with the outlines of their masks."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from jinja2 import Environment, PackageLoader
from PIL import Image

from monaiseg._files import check_folder, write_bytes
from monaiseg.data.cases import Case
from monaiseg.data.checking._drawing import COLOURS, SIDE, draw_case
from monaiseg.data.checking._facts import CaseFacts, Fault
from monaiseg.data.checking.words import summary_lines
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.errors import DataError, OutputError

if TYPE_CHECKING:
    from monaiseg.data.checking import CheckReport

Array = npt.NDArray[Any]

SOUND, FAULTY = 96, 96
"""So many cases without and with faults are shown at most."""

PAIRS = 48
"""So many pairs of cases that show nearly the same are shown at most."""


@dataclass(frozen=True)
class Tile:
    """A case on the page, or two of them: name, picture as a data address, what is wrong, and whether it is wide."""

    name: str
    picture: str
    faults: tuple[Fault, ...] = ()
    wide: bool = False

    @property
    def worst(self) -> str:
        """`error`, `warning` or nothing."""
        found = {fault.severity for fault in self.faults}
        return "error" if "error" in found else "warning" if found else ""


class ContactSheet:
    """Draws cases as they are looked at: faulty ones, and of the others an even choice; writes the page at the end.

    Raises:
        OutputError: the file is there already, or its folder is not.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise OutputError(f"{path}: is there already; choose another --html")
        check_folder(path, "--html")
        self.path = path
        self._sound: list[CaseFacts] = []
        self._faulty: dict[str, list[CaseFacts]] = {"error": [], "warning": []}
        self._step, self._seen = 1, 0
        self._faults = 0

    def add(self, facts: CaseFacts) -> None:
        """Take a case into account."""
        if facts.faults:
            kept = self._faulty["error" if any(fault.severity == "error" for fault in facts.faults) else "warning"]
            kept += [facts] if len(kept) < FAULTY else []
            self._faults += 1
            return
        if self._seen % self._step == 0:
            self._sound.append(facts)
        self._seen += 1
        if len(self._sound) > SOUND:
            self._sound, self._step = self._sound[::2], 2 * self._step

    def write(self, report: CheckReport) -> None:
        """Draw the chosen cases and write the page."""
        classes = report.classes or FOREGROUND
        faulty = [*self._faulty["error"], *self._faulty["warning"]][:FAULTY]
        tiles = {
            f"Cases with faults{_of(len(faulty), self._faults)}": [_tile(facts, classes) for facts in faulty],
            f"Cases that show the same, or nearly{_of(min(PAIRS, len(report.alike)), len(report.alike))}": [
                _pair(*pair, classes) for pair in report.alike[:PAIRS]
            ],
            f"Cases{_of(len(self._sound), self._seen)}": [_tile(facts, classes) for facts in self._sound],
        }
        templates = Environment(loader=PackageLoader("monaiseg", "_templates"), autoescape=True)
        legend = list(zip(classes.names, _hex(len(classes)), strict=False))
        record = report.record()
        content = templates.get_template("check.html.j2").render(
            record=record, lines=summary_lines(record), tiles=tiles, legend=legend
        )
        write_bytes(self.path, content.encode())


def _of(shown: int, every: int) -> str:
    return f": {shown} of {every}" if shown < every else ""


def _hex(count: int) -> list[str]:
    return ["#{:02x}{:02x}{:02x}".format(*COLOURS[index % len(COLOURS)]) for index in range(count)]


def _tile(facts: CaseFacts, classes: Classes) -> Tile:
    name = facts.case["id"] if facts.part == "all" else f"{facts.part}/{facts.case['id']}"
    try:
        picture = _address(draw_case(facts.case, classes))
    except DataError:
        picture = ""
    return Tile(name, picture, tuple(facts.faults))


def _pair(first: Case, second: Case, classes: Classes) -> Tile:
    """Return two cases beside each other."""
    pictures = [draw_case(case, classes) for case in (first, second)]
    both = Image.new("RGB", (2 * SIDE + 4, max(picture.height for picture in pictures)), "white")
    for picture, left in zip(pictures, (0, SIDE + 4), strict=True):
        both.paste(picture, (left, 0))
    return Tile(f"{first['id']} and {second['id']}", _address(both), wide=True)


def _address(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
