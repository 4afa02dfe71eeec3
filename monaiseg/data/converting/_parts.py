"""What a layout keeps of how a set is divided: its parts, and the groups of its cases."""

from __future__ import annotations

from monaiseg._wording import counted
from monaiseg.data.cases import Case, Channel
from monaiseg.data.classes import Classes
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


def folds_in_list(found: FoundData) -> dict[str, int]:
    """Return the fold of each case that has one, by its id in the list."""
    if list(found.parts) == ["all"] or len({case["id"] for case in found.cases}) == len(found.cases):
        return found.folds
    return {f"train_{name}": fold for name, fold in found.folds.items()}


def note_lost(found: FoundData, classes: Classes, to: str, notes: list[str]) -> None:
    """Note that folders do not hold the groups and folds of cases, nor their instances, as far as there are any."""
    groups = len({case["group"] for case in found.cases if case["group"]})
    if groups:
        notes.append(f"{counted(groups, 'group')} of cases are not kept: {to} has no place for them, --to list has")
    if found.folds:
        notes.append(f"the folds of the cases are not kept: {to} has no place for them, --to list has")
    several = sum(any(len(channel) > 1 for channel in case["label"] if _is_list(channel)) for case in found.cases)
    if to == "dsb2018":
        return
    if several or classes.kind == "instances":
        told = f"in {counted(several, 'case')} the files of a mask become one" if several else "ids of objects are lost"
        notes.append(f"{told}, without instances; --to dsb2018 and --to list keep them apart")


def _is_list(channel: Channel) -> bool:
    return not isinstance(channel, str)
