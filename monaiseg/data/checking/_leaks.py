"""Finds pictures that are the same to the last pixel, and groups that stand on both sides of a split."""

from __future__ import annotations

from monaiseg.data.cases import Case, images_of
from monaiseg.data.checking._facts import CaseFacts, Fault, WarningKind


class Copies:
    """Finds pictures that are the same to the last pixel.

    Attributes:
        pairs: the cases that were found to be the same.
    """

    def __init__(self) -> None:
        self._first: dict[bytes, tuple[Case, str]] = {}
        self.pairs: list[tuple[Case, Case]] = []

    def add(self, facts: CaseFacts) -> list[Fault]:
        """Take a case into account, and return a fault if its image came before."""
        if facts.image is None:
            return []
        case, part = self._first.setdefault(facts.image.digest, (facts.case, facts.part))
        if case is facts.case:
            return []
        self.pairs.append((case, facts.case))
        file, first = images_of(facts.case)[0], images_of(case)[0]
        same = f"is the image of case {case['id']} as well" if file == first else f"shows the same as {first}"
        where = "" if part == facts.part else f", which is in {part} and not in {facts.part}"
        kind: WarningKind = "duplicate" if part == facts.part else "leak"
        return [Fault("warning", kind, file, f"{same}{where}; keep one of the two")]


class Groups:
    """Finds groups, such as the frames of one video, of which parts of a split that comes with the data share cases."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str]] = {}
        self._told: set[str] = set()

    def add(self, facts: CaseFacts) -> list[Fault]:
        """Take a case into account, and return a fault, once a group, if its group came before in another part."""
        group = facts.case["group"]
        if group is None:
            return []
        first, part = self._first.setdefault(group, (facts.case["id"], facts.part))
        if part == facts.part or group in self._told:
            return []
        self._told.add(group)
        told = f"is of group {group}, as {first}, which is in {part} and not in {facts.part}; keep groups in one part"
        return [Fault("warning", "group_leak", images_of(facts.case)[0], told)]
