"""Measures of instances: two label maps are matched object by object, then counted.

A predicted and a true object are a pair where their intersection over union (IoU) reaches a threshold. Two readings of
"reaches" are in use: stardist counts IoU >= t, the Data Science Bowl 2018 and panoptic quality IoU > t. They differ
where an IoU equals the threshold, and are both kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from monaiseg.errors import ConfigError
from monaiseg.metrics._overlaps import Counts, Labels, Overlaps, overlaps_of

IOU_THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""0.5, 0.55, ..., 0.95."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Matches:
    """What was matched in one case, or in several; every measure of instances follows from it.

    Attributes:
        thresholds: [T], of the IoU.
        tp: [T], pairs with IoU >= threshold, no object in two of them.
        fp: [T], predicted objects without such a pair; `fn`: [T], true ones.
        strict_tp: [T], pairs with IoU > threshold.
        matched_iou: [T], the sum of the IoU of the pairs that `strict_tp` counts.
        intersection: of each true object with the predicted one of highest IoU, summed (AJI).
        union: likewise, and the sizes of the objects that had none (AJI).
    """

    thresholds: Floats
    tp: Counts
    fp: Counts
    fn: Counts
    strict_tp: Counts
    matched_iou: Floats
    intersection: int
    union: int


class PanopticScores(NamedTuple):
    """Panoptic, segmentation and recognition quality, each [T]; pq = sq * rq."""

    pq: Floats
    sq: Floats
    rq: Floats


def match_instances(predicted: Labels, truth: Labels, thresholds: Sequence[float] = IOU_THRESHOLDS) -> Matches:
    """Return what matches of two label maps `[*S]`, 0 the background and every other id an object.

    From an IoU of 0.5 on pairs are unique, but for an object whose two halves each make up another one: both have an
    IoU of exactly 0.5 with it. One of the two counts, as in an optimal assignment.

    Raises:
        ConfigError: the sizes differ, a map is not of integers from 0, or a threshold is outside 0.5..1.
    """
    if not all(0.5 <= threshold <= 1 for threshold in thresholds):
        raise ConfigError(f"IoU thresholds are {tuple(thresholds)}; they must lie between 0.5 and 1")
    found = overlaps_of(predicted, truth)
    unions = found.predicted_sizes[found.predicted] + found.truth_sizes[found.truth] - found.shared
    ious = found.shared / unions
    levels = np.array(thresholds, np.float64)
    tp = np.array([_pairs(found, ious >= level) for level in levels], np.int64)
    strict = ious > levels[:, None]
    return Matches(
        thresholds=levels,
        tp=tp,
        fp=len(found.predicted_sizes) - tp,
        fn=len(found.truth_sizes) - tp,
        strict_tp=strict.sum(1),
        matched_iou=(strict * ious).sum(1),
        **_aggregated(found, unions, ious),
    )


def pool_matches(cases: Sequence[Matches]) -> Matches:
    """Return the matches of all cases, counted as if they were one; the thresholds must be the same.

    Raises:
        ConfigError: there is no case, or the thresholds differ.
    """
    if len({tuple(case.thresholds) for case in cases}) != 1:
        raise ConfigError("matches can be pooled of at least one case, and with the same thresholds")
    summed = ("tp", "fp", "fn", "strict_tp", "matched_iou")
    arrays: dict[str, Any] = {name: np.sum([getattr(case, name) for case in cases], axis=0) for name in summed}
    totals = {name: sum(getattr(case, name) for case in cases) for name in ("intersection", "union")}
    return Matches(thresholds=cases[0].thresholds, **arrays, **totals)


def instance_precision(matches: Matches) -> Floats:
    """Return TP / (TP + FP) at each threshold, [T]; 1 where there is no object at all, 0 where none was predicted."""
    return _share(matches.tp, matches.tp + matches.fp, matches)


def instance_recall(matches: Matches) -> Floats:
    """Return TP / (TP + FN) at each threshold, [T]; 1 where there is no object at all, 0 where there is no true one."""
    return _share(matches.tp, matches.tp + matches.fn, matches)


def instance_f1(matches: Matches) -> Floats:
    """Return 2 TP / (2 TP + FP + FN) at each threshold, [T]; 1 where there is no object at all."""
    return _share(2 * matches.tp, 2 * matches.tp + matches.fp + matches.fn, matches)


def instance_ap(matches: Matches) -> Floats:
    """Return TP / (TP + FP + FN) at each threshold, [T], as stardist counts it; 1 where there is no object at all.

    stardist and Cellpose call it average precision, though nothing is ranked; stardist's code calls it accuracy, and
    has 0 where there is no object. Of pooled matches it is stardist's value for a data set.
    """
    return _share(matches.tp, matches.tp + matches.fp + matches.fn, matches)


def strict_ap(matches: Matches) -> Floats:
    """Return TP / (TP + FP + FN) at each threshold, [T], where TP are pairs with IoU > threshold, as Kaggle counts it.

    Its mean over thresholds is the score of the Data Science Bowl 2018 for one image; that for a data set is the mean
    over images, not that of pooled matches. 1 where there is no object at all.
    """
    objects = 2 * matches.tp + matches.fp + matches.fn
    return _share(matches.strict_tp, objects - matches.strict_tp, matches)


def panoptic_scores(matches: Matches) -> PanopticScores:
    """Return the panoptic quality and its two factors (Kirillov et al. 2019, section 4); the paper's threshold is 0.5.

    Pairs are those with IoU > threshold. All are 1 where there is no object at all, 0 where there is no pair.
    """
    objects = 2 * matches.tp + matches.fp + matches.fn
    return PanopticScores(
        pq=_share(2 * matches.matched_iou, objects, matches),
        sq=_share(matches.matched_iou, matches.strict_tp, matches),
        rq=_share(2 * matches.strict_tp, objects, matches),
    )


def aggregated_jaccard(matches: Matches) -> float:
    """Return the aggregated Jaccard index (AJI; Kumar et al. 2017, algorithm 1); 1 where there is no object at all.

    Each true object is compared with the predicted one of highest IoU, which several may share; of equal ones the
    lowest id counts. The paper's value for a data set is that of pooled matches.
    """
    return matches.intersection / matches.union if matches.union else 1.0


def _share(part: Counts | Floats, whole: Counts, matches: Matches) -> Floats:
    nothing = matches.tp + matches.fp + matches.fn == 0
    return np.where(nothing, 1.0, part / np.maximum(whole, 1))


def _pairs(found: Overlaps, reached: npt.NDArray[np.bool_]) -> int:
    """Return how many pairs there are at most, no object in two.

    What reaches an IoU of 0.5 is a forest, whose trees are one pair or one object with its two halves. Each gives one
    pair, and a forest has as many trees as it has more nodes than edges.
    """
    nodes = len(np.unique(found.predicted[reached])) + len(np.unique(found.truth[reached]))
    return nodes - int(reached.sum())


def _aggregated(found: Overlaps, unions: Counts, ious: Floats) -> dict[str, int]:
    order = np.lexsort((found.predicted, -ious, found.truth))
    overlapped, first = np.unique(found.truth[order], return_index=True)
    best = order[first]
    missed = found.truth_sizes.sum() - found.truth_sizes[overlapped].sum()
    used = np.unique(found.predicted[best])
    extra = found.predicted_sizes.sum() - found.predicted_sizes[used].sum()
    return {"intersection": int(found.shared[best].sum()), "union": int(unions[best].sum() + missed + extra)}
