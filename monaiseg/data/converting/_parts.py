"""What a layout keeps of how a set is divided: its parts, and the groups of its cases."""

from __future__ import annotations

from collections.abc import Sequence

from monaiseg.data.cases import Case
from monaiseg.data.finding import every_case
from monaiseg.data.layouts import FoundData

Parts = dict[str, list[Case]]


def parts_in_list(found: FoundData, notes: list[str]) -> tuple[list[Case], dict[str, str]]:
    """Return all cases, and the part of each by its id where the set comes split.

    Where two parts have cases of one id, all ids are put after their part, as split files have them.
    """
    if list(found.parts) == ["all"]:
        return found.cases, {}
    cases = found.cases
    parts = {case["id"]: part for part, of_part in found.parts.items() for case in of_part}
    if len(parts) == len(cases):
        return cases, parts
    notes.append("cases of two parts have one id; in the list the part comes first, as in train_12")
    return every_case(found), {
        f"{part}_{case['id']}": part for part, of_part in found.parts.items() for case in of_part
    }


def parts_in_folders(found: FoundData, notes: list[str]) -> Parts:
    """Return the cases by the folder that they go to, `""` for the output itself.

    A folder is seen to come split where there is one for training and another.
    """
    if list(found.parts) == ["all"] or ("train" in found.parts and len(found.parts) > 1):
        return {"" if part == "all" else part: cases for part, cases in found.parts.items()}
    told = " and ".join(found.parts)
    notes.append(f"folders cannot tell that all cases are for {told}; --to list holds that")
    return {"": sorted(found.cases, key=lambda case: case["id"])}


def note_groups(cases: Sequence[Case], to: str, notes: list[str]) -> None:
    """Note that a layout does not hold the groups of cases, if there are any."""
    count = len({case["group"] for case in cases if case["group"]})
    if count:
        notes.append(f"the {count} groups of the cases are not kept: {to} has no place for them, --to list does")
