"""What is known of one case after looking at all its files, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from monaiseg.data.cases import Case
from monaiseg.data.volumes import Geometry
from monaiseg.errors import DataError, DataKind

Severity = Literal["error", "warning"]
WarningKind = Literal[
    "unpaired",
    "empty",
    "empty_instance",
    "inverted",
    "absent_class",
    "overlap",
    "constant",
    "intensity",
    "orientation",
    "float_label",
    "origin",
    "duplicate",
    "leak",
    "group_leak",
    "near_duplicate",
    "near_leak",
    "random_split",
]
FaultKind = DataKind | WarningKind


@dataclass(frozen=True)
class Fault:
    """Something wrong with a file, or with the set as a whole.

    Attributes:
        severity: `error`: training refuses it; `warning`: it trains, but not as was meant.
        kind: what is wrong in a word, such as `unpaired`.
        file: the file, or the folder.
        message: what is wrong, and how to mend it.
    """

    severity: Severity
    kind: FaultKind
    file: str
    message: str

    @classmethod
    def of(cls, error: DataError) -> Fault:
        """Return the fault that stops a training with this error."""
        file, message = _file_and_message(str(error))
        return cls("error", error.kind, file, message)

    def __str__(self) -> str:
        return f"{self.severity}: {self.file}: {self.message}"


def _file_and_message(told: str) -> tuple[str, str]:
    """Return the file that an error's message starts with, and the rest; a file's name may have a colon in it."""
    parts = told.split(": ")
    names = [": ".join(parts[:count]) for count in range(1, len(parts))]
    file = next((name for name in names if _exists(name)), parts[0])
    return file, told[len(file) + 2 :]


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # longer than a name may be
        return False


@dataclass
class ImageFacts:
    """Of the image of a case.

    Attributes:
        size: pixels or voxels along each axis.
        channels: of it; a picture has 3.
        stored: Pillow's mode, or the type of a volume's values.
        suffix: of the file.
        colour: whether a picture has a pixel that is not grey.
        transparent: whether a picture has an alpha channel that is not full everywhere.
        low: the least value; `high`: the largest.
        geometry: of a volume, where it lies.
        digest: of the pixels, equal for equal ones.
        look: what it looks like, as `monaiseg.data.look` gives it.
    """

    size: tuple[int, ...]
    channels: int
    stored: str
    suffix: str
    low: float
    high: float
    digest: bytes
    colour: bool = False
    transparent: bool = False
    by_tifffile: bool = False
    geometry: Geometry | None = None
    look: npt.NDArray[np.uint8] | None = None


@dataclass
class LabelFacts:
    """Of the label of a case.

    Attributes:
        stored: Pillow's mode, or the type of a volume's values, of the first file.
        shares: the share of the image that each class covers.
        values: the values but 0 that its files hold, 255 or another one of a mask without grey edges.
        greys: of a mask with grey edges, how many values it has; 0 without.
        overcount: how many times as large `mask > 0` is; 1 without grey edges.
        instances: files that make up the mask, where there is one an instance; or ids.
        overlapping: pixels that several of them cover.
    """

    stored: str
    shares: tuple[float, ...] = ()
    values: tuple[int, ...] = ()
    greys: int = 0
    overcount: float = 1.0
    instances: int = 0
    overlapping: int = 0


@dataclass
class CaseFacts:
    """Of one case: its image, its label, and its faults; a part that could not be read is None."""

    case: Case
    part: str
    image: ImageFacts | None = None
    label: LabelFacts | None = None
    faults: list[Fault] = field(default_factory=list)

    def fault(self, severity: Severity, kind: FaultKind, file: str, message: str) -> None:
        """Add a fault."""
        self.faults.append(Fault(severity, kind, file, message))
