"""Finds cases that show nearly the same, and says what that does to a split."""

from __future__ import annotations

from monaiseg._wording import counted
from monaiseg.data.cases import Case, group_of, images_of
from monaiseg.data.checking._facts import CaseFacts, Fault
from monaiseg.data.duplicates import NearPair, groups_of, near_pairs
from monaiseg.data.looks import Looks


class Likenesses:
    """Keeps the looks of cases as they come, a few kilobytes each, and compares them at the end.

    Attributes:
        alike: the pairs of cases that `faults` told of.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[Case, str, bytes]] = []
        self._looks = Looks()
        self.alike: list[tuple[Case, Case]] = []

    def add(self, facts: CaseFacts) -> None:
        """Take a case into account, if its image could be read."""
        if facts.image is not None and facts.image.look is not None:
            self._looks.add(facts.image.look)
            self._seen.append((facts.case, facts.part, facts.image.digest))

    def faults(self, root: str) -> list[Fault]:
        """Return a fault for each pair that is near, and one for a set whose random splits would leak."""
        pairs = near_pairs(self._looks.all(), [images_of(case)[0] for case, _, _ in self._seen])
        near = [pair for pair in pairs if pair.kind == "near" and not self._equal(pair) and self._is_told(pair)]
        self.alike = [(self._seen[pair.first][0], self._seen[pair.second][0]) for pair in near]
        return [self._fault(pair) for pair in near] + self._of_random_splits(root, pairs)

    def _equal(self, pair: NearPair) -> bool:
        return self._seen[pair.first][2] == self._seen[pair.second][2]

    def _is_told(self, pair: NearPair) -> bool:
        """Tell whether the cases of a pair may end on both sides of a split."""
        (one, part, _), (other, other_part, _) = self._seen[pair.first], self._seen[pair.second]
        return part != other_part or group_of(one) != group_of(other)

    def _fault(self, pair: NearPair) -> Fault:
        (one, part, _), (other, other_part, _) = self._seen[pair.first], self._seen[pair.second]
        file, first = images_of(other)[0], images_of(one)[0]
        if part == other_part:
            message = f"shows nearly the same as {first}; keep them in one part of a split"
            return Fault("warning", "near_duplicate", file, message)
        message = f"shows nearly the same as {first}, which is in {part} and not in {other_part}; remove one of the two"
        return Fault("warning", "near_leak", file, message)

    def _of_random_splits(self, root: str, pairs: list[NearPair]) -> list[Fault]:
        if any(part == "validation" for _, part, _ in self._seen):
            return []
        alike = [pair for pair in pairs if self._is_told(pair)]
        involved = {end for pair in alike for end in (pair.first, pair.second)}
        if not alike:
            return []
        groups = len({number for end, number in enumerate(groups_of(len(self._seen), alike)) if end in involved})
        frames = ", as frames of a video do" if any(pair.kind == "sequence" for pair in alike) else ""
        told = f"{len(involved)} of its {len(self._seen)} cases show nearly the same in {counted(groups, 'group')}"
        mend = f"write one that does not with monaiseg data split {root} --by near_duplicates"
        return [Fault("warning", "random_split", root, f"{told}{frames}: a random split leaks; {mend}")]
