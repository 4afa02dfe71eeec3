"""Sets that lie side by side: the same cases in two formats are taken once, different sets become one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg.data.cases import Case, images_of
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.layouts._listing import FoundData
from monaiseg.data.pictures import DEEP_MODES, TIFF, open_picture
from monaiseg.data.volumes import is_volume, read_volume
from monaiseg.errors import DataError

SAME = 0.5
"""Two sets of two formats may hold the same cases if this share of the smaller one's ids is in the larger."""

COMPARED = 3
"""So many of the ids that they share are then compared."""

ALIKE = 0.03
"""Pixels may differ by this part of their range on average: JPEG changes them by less, another frame by far more."""

Set = tuple[Path, FoundData]
"""The folder that was looked at, and what was found in it or below."""


def join_sets(root: Path, sets: Sequence[Set]) -> FoundData:
    """Return sets side by side as one, without those that hold the same cases as another one in another format.

    Raises:
        DataError: only some come split, or their classes differ.
    """
    order = sorted(sets, key=lambda one: (len(one[1].cases), _suffix(one[1]) not in TIFF), reverse=True)
    kept: list[Set] = []
    notes = []
    for folder, found in order:
        same = next((other for other in kept if _same(found, other[1])), None)
        if same is None:
            kept.append((folder, found))
        else:
            notes.append(f"{root}: {folder.name} and {same[0].name} hold the same cases; the latter is taken")
    joined = kept[0][1] if len(kept) == 1 else _side_by_side(root, [one for one in sets if one in kept])
    joined.notes += notes
    return joined


def _same(found: FoundData, larger: FoundData) -> bool:
    """Tell whether a set holds cases of another one in another format."""
    if _suffix(found) == _suffix(larger):
        return False
    others = {case["id"]: case for case in larger.cases}
    shared = [(case, others[case["id"]]) for case in found.cases if case["id"] in others]
    if len(shared) <= SAME * len(found.cases):
        return False
    spread = shared[:: max(1, len(shared) // COMPARED)]
    compared = list(islice((alike for pair in spread if (alike := _alike(*pair)) is not None), COMPARED))
    return bool(compared) and all(compared)


def _suffix(found: FoundData) -> str:
    return Path(images_of(found.cases[0])[0]).suffix.lower()


def _alike(one: Case, other: Case) -> bool | None:
    """Tell whether two images show the same; None where one cannot be read."""
    try:
        first, second = (_pixels(images_of(case)[0]) for case in (one, other))
    except DataError:
        return None
    if first.shape != second.shape:
        return False
    return float(np.abs(first - second).mean()) <= ALIKE * max(float(np.ptp(first)), 1)


def _pixels(path: str) -> npt.NDArray[np.float32]:
    if is_volume(path):
        return read_volume(path)
    picture = open_picture(path)
    return np.asarray(picture if picture.mode in DEEP_MODES else picture.convert("RGB"), np.float32)


def _side_by_side(root: Path, sets: Sequence[Set]) -> FoundData:
    """Return several sets as one, each case with the folder's name before its own."""
    told = ", ".join(f"{folder.name} ({len(found.cases)} cases)" for folder, found in sets)
    if len({"all" in found.parts for _, found in sets}) > 1:
        raise DataError(f"{root}: of its sets only some come split ({told}); give one of them, or split all or none")
    parts: dict[str, list[Case]] = {}
    for folder, found in sets:
        for part, cases in found.parts.items():
            parts.setdefault(part, []).extend(Case(**case | {"id": f"{folder.name}-{case['id']}"}) for case in cases)
    joined = join_parts(root, [found for _, found in sets], parts)
    joined.notes.insert(0, f"{root}: {len(sets)} sets side by side become one: {told}")
    if any(found.folds for _, found in sets):
        joined.notes.append(f"{root}: the folds of its lists are not used, because several sets become one")
    return joined


def join_parts(root: Path, found: Sequence[FoundData], parts: dict[str, list[Case]]) -> FoundData:
    """Return several folders as one, with these parts; raises DataError if their classes differ."""
    layouts = sorted({one.layout for one in found})
    if not all(same_classes(one.classes, found[0].classes) for one in found):
        told = "; ".join(f"{one.root.name}: {one.classes or 'unnamed'}" for one in found)
        raise DataError(f"{root}: its folders have different classes ({told}); make them equal")
    joined = FoundData(root, " and ".join(layouts), parts, next((one.classes for one in found if one.classes), None))
    for one in found:
        joined.faults += one.faults
        joined.notes += one.notes
        joined.orphans += one.orphans
        joined.spared += one.spared
    return joined


def same_classes(one: Classes | None, other: Classes | None) -> bool:
    """Tell whether two folders may have the same classes: masks of one class need not say so."""
    names: list[Any] = [(classes or FOREGROUND).names for classes in (one, other)]
    return bool(names[0] == names[1])
