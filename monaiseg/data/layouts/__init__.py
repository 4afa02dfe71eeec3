"""Turns a folder as people have it into cases: recognises how it is laid out, and says what it took and what not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monaiseg.data.cases import Case, images_of
from monaiseg.data.classes import Classes
from monaiseg.data.layouts._listing import Layout, Listing, subfolder, subfolders
from monaiseg.data.layouts._pictures import PICTURES, SIDE_BY_SIDE
from monaiseg.data.layouts._tables import LISTS
from monaiseg.data.layouts._volumes import VOLUMES
from monaiseg.data.pictures import TIFF
from monaiseg.errors import ConfigError, DataError, suggest

__all__ = ["LAYOUTS", "FoundData", "Layout", "find_data", "list_cases"]

logger = logging.getLogger("monaiseg")

LAYOUTS = (*VOLUMES, *PICTURES, LISTS, SIDE_BY_SIDE)
"""In the order in which `auto` tries them."""

SPLIT = {
    "train": ("train", "training", "traindataset"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing", "testdataset"),
}
"""What the folders of a set that comes split may be called."""

SAME = 0.5
"""Two subfolders of two formats hold the same cases if this share of the smaller one's ids is in the larger."""


@dataclass
class FoundData:
    """What was found under a folder.

    Attributes:
        root: where, which may be below the folder that was given.
        layout: how it is laid out.
        parts: the cases by part: `all`, or `train`, `validation` and `test` as far as the folder comes split; each
            sorted by id.
        classes: what the layout tells of the classes; None: the label files tell.
        faults: what makes cases unusable.
        notes: what was chosen or left out, a sentence each.
    """

    root: Path
    layout: str
    parts: dict[str, list[Case]]
    classes: Classes | None = None
    faults: list[DataError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)

    @property
    def cases(self) -> list[Case]:
        """The cases of all parts."""
        return [case for cases in self.parts.values() for case in cases]


def find_data(root: Path, layout: str = "auto") -> FoundData:
    """Return what is in a folder, or in a list of cases.

    A folder that comes split is read part by part; one that holds the set one level deeper is followed there; of two
    subfolders with the same cases, as TIF and as PNG, the larger is taken; sets side by side become one.

    Raises:
        ConfigError: there is no such layout.
        DataError: the folder cannot be recognised, or holds no case.
    """
    names = [known.name for known in LAYOUTS]
    if layout != "auto" and layout not in names:
        raise ConfigError(f"layout is {layout!r}{suggest(str(layout), [*names, 'auto'])}")
    found = _find(root, layout)
    if found is None and layout in names:
        found = _found(root, layout, LAYOUTS[names.index(layout)].read(root))
    if found is None:
        expected = "; ".join(known.looks_like for known in LAYOUTS)
        what = "the folder is empty" if root.is_dir() and not any(root.iterdir()) else "no known layout"
        raise DataError(f"{root}: {what}; expected one of: {expected}; or train and validation folders of these")
    if found.root != root:
        found.notes.insert(0, f"{root}: the cases are in {found.root.relative_to(root)}")
    for part, cases in found.parts.items():
        if not cases and not found.faults:
            where = f" for {part}" if part != "all" else ""
            raise DataError(f"{found.root}: no images in it{where}; expected {_looks(found.layout)}")
    return found


def list_cases(root: Path, layout: str = "auto") -> tuple[str, list[Case]]:
    """Return the name of the folder's layout and its cases, sorted by id, telling what was left out.

    Raises:
        ConfigError: there is no such layout.
        DataError: the folder cannot be recognised, holds no case, or one that cannot be used.
    """
    found = find_data(root, layout)
    for note in found.notes:
        logger.warning("%s", note)
    if found.faults:
        raise found.faults[0]
    return found.layout, found.cases


def _looks(layout: str) -> str:
    return next((known.looks_like for known in LAYOUTS if known.name == layout), "cases")


def _find(root: Path, layout: str) -> FoundData | None:
    """Return what is in the folder itself, in its parts, or in its subfolders; None where nothing is recognised."""
    return _here(root, layout) or (_split(root, layout) or _below(root, layout) if root.is_dir() else None)


def _here(root: Path, layout: str) -> FoundData | None:
    candidates = (LISTS,) if root.is_file() else LAYOUTS
    for known in candidates:
        if layout in ("auto", known.name) and known.recognises(root):
            return _found(root, known.name, known.read(root))
    return None


def _found(root: Path, layout: str, listing: Listing) -> FoundData:
    cases = sorted(listing.cases, key=lambda case: case["id"])
    parts = {"all": cases}
    if listing.parts:
        parts = {part: [case for case in cases if case["id"] in set(ids)] for part, ids in listing.parts.items()}
    return FoundData(root, layout, parts, listing.classes, listing.faults, listing.notes)


def _split(root: Path, layout: str) -> FoundData | None:
    """Return the parts of a folder that comes split into training and something else, else None."""
    folders = {part: folder for part, names in SPLIT.items() if (folder := subfolder(root, names)) is not None}
    if "train" not in folders or len(folders) == 1:
        return None
    parts = {part: found for part, folder in folders.items() if (found := _find(folder, layout)) is not None}
    if set(parts) != set(folders):
        return None
    cases = {part: found.cases for part, found in parts.items()}
    return _joined(root, list(parts.values()), cases)


def _below(root: Path, layout: str) -> FoundData | None:
    """Return what the subfolders hold: one set, the same set twice, or sets side by side."""
    sets = [found for folder in subfolders(root) if (found := _find(folder, layout)) is not None and found.cases]
    if not sets:
        return None
    if len(sets) == 1:
        return sets[0]
    largest = max(sets, key=lambda found: (len(found.cases), _suffix(found) not in TIFF))
    if all(found is largest or _same(found, largest) for found in sets):
        others = ", ".join(found.root.name for found in sets if found is not largest)
        largest.notes.append(f"{root}: {others} and {largest.root.name} hold the same cases; the latter is taken")
        return largest
    return _joined(root, sets, {"all": [case for found in sets for case in _prefixed(found)]})


def _same(found: FoundData, largest: FoundData) -> bool:
    """Tell whether a set holds cases of another one in another format."""
    ids = {case["id"] for case in found.cases}
    shared = len(ids & {case["id"] for case in largest.cases})
    return _suffix(found) != _suffix(largest) and shared > SAME * len(ids)


def _suffix(found: FoundData) -> str:
    return Path(images_of(found.cases[0])[0]).suffix.lower()


def _prefixed(found: FoundData) -> list[Case]:
    return [Case(**{**case, "id": f"{found.root.name}-{case['id']}"}) for case in found.cases]


def _joined(root: Path, found: Sequence[FoundData], parts: dict[str, list[Case]]) -> FoundData:
    layouts = sorted({one.layout for one in found})
    classes = [one.classes for one in found]
    if len({None if one is None else one.names for one in classes}) > 1:
        told = "; ".join(f"{one.root.name}: {one.classes or 'unnamed'}" for one in found)
        raise DataError(f"{root}: its folders have different classes ({told}); make them equal")
    faults = [fault for one in found for fault in one.faults]
    notes = [note for one in found for note in one.notes]
    return FoundData(root, " and ".join(layouts), parts, classes[0], faults, notes)
