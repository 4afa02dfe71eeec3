"""Tables of scores made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monaiseg.metrics.case_measures import OVERLAP
from monaiseg.metrics.measures import MEASURES
from monaiseg.metrics.table import CaseTable

PERFECT, MISSED, FALSE, HALF, EMPTY = (8, 0, 0, 92), (0, 0, 8, 92), (0, 8, 0, 92), (4, 4, 4, 88), (0, 0, 0, 100)
"""True positives, false positives, false negatives, true negatives."""


def table(
    *cases: Sequence[tuple[int, ...]],
    classes: Sequence[str] = ("foreground",),
    groups: Sequence[str] | None = None,
    spatial_dims: int = 2,
) -> CaseTable:
    """A table of overlap; a case is a tuple of counts a class. The baseline found half of everything."""
    counts = np.array(cases)
    base = np.broadcast_to(np.array(HALF), counts.shape)
    ids = [f"case{number}" for number in range(len(cases))]
    values, baseline = ({name: MEASURES[name].of(side) for name in OVERLAP} for side in (counts, base))
    return CaseTable(ids, list(groups or ids), tuple(classes), spatial_dims, values, baseline, counts, base)
