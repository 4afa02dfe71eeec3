"""What was measured of each case, class by class: what `cases.csv` holds and every summary is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BASELINE = "baseline_"


@dataclass(frozen=True)
class CaseTable:
    """The scores of N cases in K classes.

    Attributes:
        ids: of the cases; `groups`: what each belongs to, itself if it stands alone.
        classes: their names.
        spatial_dims: of the cases.
        values: of each measure `[N, K]`; `baseline`: the same of the baseline, of the measures it has.
        counts: true positives, false positives, false negatives and true negatives, `[N, K, 4]`; `baseline_counts` too.
        curves: the E-measure at 256 thresholds, `[N, K, 256]`, where it was computed.
        matches: of the objects, a `Matches` a case and class, `[N, K]`, where they were told apart.
        nsd_tolerance: in pixels or mm, where NSD was computed.
        objects: how they were told apart, as `Objects.record` has it, where they were.
    """

    ids: list[str]
    groups: list[str]
    classes: tuple[str, ...]
    spatial_dims: int
    values: dict[str, Array]
    baseline: dict[str, Array]
    counts: Array
    baseline_counts: Array
    curves: Array | None = None
    matches: Array | None = None
    nsd_tolerance: float | None = None
    objects: Mapping[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def by_column(self) -> dict[str, Array]:
        """Return `[N]` a column: each measure's mean over classes, that of each of several, the baseline's mean."""
        columns = {name: values.mean(1) for name, values in self.values.items()}
        if len(self.classes) > 1:
            columns |= {
                f"{name}_{label}": values[:, number]
                for name, values in self.values.items()
                for number, label in enumerate(self.classes)
            }
        return columns | {f"{BASELINE}{name}": values.mean(1) for name, values in self.baseline.items()}

    def means(self) -> dict[str, float]:
        """Return the mean over cases of each column."""
        return {name: float(np.mean(values)) for name, values in self.by_column().items()}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give a row a case: `id`, `group` and the columns."""
        columns = self.by_column()
        for number, (name, group) in enumerate(zip(self.ids, self.groups, strict=True)):
            row = {"id": name, "group": "" if group == name else group}
            yield row | {column: float(values[number]) for column, values in columns.items()}


def interleaved(tables: Sequence[CaseTable]) -> CaseTable:
    """Return the tables as one, of the first case of each, then the second of each, and so on."""
    if len(tables) == 1:
        return tables[0]
    places = [(row, number) for number, table in enumerate(tables) for row in range(len(table))]
    order = sorted(range(len(places)), key=places.__getitem__)

    def joined(parts: Sequence[Any]) -> Any:
        if parts[0] is None:
            return None
        if isinstance(parts[0], dict):
            return {name: joined([part[name] for part in parts]) for name in parts[0]}
        if isinstance(parts[0], list):
            together = [entry for part in parts for entry in part]
            return [together[place] for place in order]
        return np.concatenate(parts)[order]

    names = ("ids", "groups", "values", "baseline", "counts", "baseline_counts", "curves", "matches")
    return replace(tables[0], **{name: joined([getattr(table, name) for table in tables]) for name in names})
