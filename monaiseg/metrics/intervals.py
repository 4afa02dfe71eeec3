"""How far a mean over cases can be trusted: bootstrap intervals that keep what belongs together together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

RESAMPLES = 10_000
LEVEL = 0.95
AT_ONCE = 1_000
"""Resamples that are weighed at a time: a table of 10,000 by the number of groups would be large."""


def bootstrap_interval(values: Array, groups: Sequence[str], seed: int = 0) -> tuple[Array, Array] | None:
    """Return the ends of the 95 % percentile interval of the mean over cases of each column (Efron 1979).

    Whole groups are drawn, as many as there are: frames of one video are not as many witnesses as there are frames.
    Every column sees the same draws, so that the interval of a difference is a paired one.

    Args:
        values: `[N, M]`, a row a case.
        groups: what each case belongs to, itself if it stands alone.
        seed: of the draws.

    Returns:
        Low and high `[M]`; None where there are fewer than two groups, from which nothing can be told.
    """
    names, group = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return None
    sums, sizes = np.zeros((len(names), values.shape[1])), np.bincount(group)
    np.add.at(sums, group, values)
    rng = np.random.default_rng(seed)
    means = []
    for first in range(0, RESAMPLES, AT_ONCE):
        count = min(AT_ONCE, RESAMPLES - first)
        drawn = rng.multinomial(len(names), [1 / len(names)] * len(names), size=count).astype(float)
        means.append((drawn @ sums) / (drawn @ sizes)[:, None])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return low, high
