"""What data sets that have been read tell of near duplicates: across a split, and among the cases of one set."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from monaiseg.data.cases import images_of
from monaiseg.data.datasets import CaseDataset
from monaiseg.data.duplicates import near_pairs
from monaiseg.data.looks import Looks
from monaiseg.data.splits import groups_by

logger = logging.getLogger("monaiseg")


def leaked_pairs(train: CaseDataset, validation: CaseDataset) -> list[tuple[str, str]]:
    """Return the ids of validation cases that show what a training case shows, each with that training case's.

    A data set that was read without looks has none.
    """
    if train.looks is None or validation.looks is None:
        return []
    cases = [*train.data, *validation.data]
    is_validation = np.arange(len(cases)) >= len(train)
    looks = Looks()
    for look in (*train.looks, *validation.looks):
        looks.add(look)
    pairs = near_pairs(looks.all(), [images_of(case)[0] for case in cases], is_validation)
    return sorted((cases[pair.second]["id"], cases[pair.first]["id"]) for pair in pairs)


def tell_leaks(train: CaseDataset, validation: CaseDataset, root: Path) -> dict[str, Any]:
    """Warn in one line of validation cases with near duplicates among the training cases, and return what was found.

    Returns:
        `{"validation_cases": how many, "pairs": [[validation id, training id], ...]}`.
    """
    pairs = leaked_pairs(train, validation)
    leaked = len({held_out for held_out, _ in pairs})
    if pairs:
        logger.warning(
            "%d of %d validation cases have near duplicates among the training cases, %s (of %s) first, so that the "
            "score flatters; monaiseg data split %s --by near_duplicates writes a split without",
            leaked,
            len(validation),
            *pairs[0],
            root,
        )
    return {"validation_cases": leaked, "pairs": [list(pair) for pair in pairs]}


def alike_groups(dataset: CaseDataset) -> dict[str, str]:
    """Return the group of each case by id: cases of one group, near duplicates and frames of a video are in one.

    A case that stands alone is its own group; of a data set that was read without looks, near duplicates are not known.
    """
    pairs = [] if dataset.looks is None else near_pairs(dataset.looks, [images_of(case)[0] for case in dataset.data])
    return dict(zip((case["id"] for case in dataset.data), groups_by(dataset.data, pairs), strict=True))
