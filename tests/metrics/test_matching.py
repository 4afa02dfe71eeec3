"""Measures of instances: against a reckoning with sets of pixels and fractions, in 2D and 3D."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_maps import LabelMap, nuclei_pairs, random_pair
from scipy.optimize import linear_sum_assignment

from monaiseg.errors import ConfigError
from monaiseg.metrics import _overlaps
from monaiseg.metrics.matching import (
    IOU_THRESHOLDS,
    Matches,
    aggregated_jaccard,
    instance_ap,
    instance_f1,
    instance_precision,
    instance_recall,
    match_instances,
    panoptic_scores,
    pool_matches,
    strict_ap,
)

ROUNDING = 1e-12


def objects(labels: LabelMap) -> list[set[int]]:
    """The pixels of each object, in the order of their ids."""
    return [set(np.flatnonzero(labels == number)) for number in np.unique(labels) if number > 0]


def iou(one: set[int], other: set[int]) -> Fraction:
    return Fraction(len(one & other), len(one | other))


def assigned(ious: list[list[Fraction]], threshold: Fraction, strict: bool) -> list[Fraction]:
    """The IoU of the pairs of an optimal assignment: as many as there can be, then with the highest sum of IoU."""
    if not ious or not ious[0]:
        return []
    table = np.array([[float(value) for value in row] for row in ious])
    reached = np.array([[value > threshold or (value == threshold and not strict) for value in row] for row in ious])
    rows, columns = linear_sum_assignment(-1000 * reached - table)
    return [ious[row][column] for row, column in zip(rows, columns) if reached[row, column]]


def jaccard(predicted: list[set[int]], truth: list[set[int]]) -> tuple[int, int]:
    """Algorithm 1 of Kumar et al. 2017, line by line."""
    correct, union, used = 0, 0, set()
    for one in truth:
        best = max(range(len(predicted)), key=lambda k: (iou(predicted[k], one), -k), default=None)
        if best is None or not predicted[best] & one:
            union += len(one)
            continue
        correct, union = correct + len(one & predicted[best]), union + len(one | predicted[best])
        used.add(best)
    return correct, union + sum(len(one) for k, one in enumerate(predicted) if k not in used)


def check(predicted: LabelMap, truth: LabelMap) -> None:
    """Every measure of one pair, and what they are made of."""
    p, t = objects(predicted), objects(truth)
    ious = [[iou(one, other) for other in t] for one in p]
    found = match_instances(predicted, truth)
    ap, pq = [], []
    for k, level in enumerate(Fraction(percent, 100) for percent in range(50, 100, 5)):
        tp, strict = (assigned(ious, level, strict) for strict in (False, True))
        counts = found.tp[k], found.fp[k], found.fn[k], found.strict_tp[k]
        assert counts == (len(tp), len(p) - len(tp), len(t) - len(tp), len(strict)), level
        ap.append(float(Fraction(len(strict), len(p) + len(t) - len(strict))) if p or t else 1.0)
        pq.append(float(2 * sum(strict, Fraction(0)) / (len(p) + len(t))) if p or t else 1.0)
        assert instance_ap(found)[k] == (len(tp) / (len(p) + len(t) - len(tp)) if p or t else 1)
        assert instance_f1(found)[k] == (2 * len(tp) / (len(p) + len(t)) if p or t else 1)
        assert instance_precision(found)[k] == (len(tp) / len(p) if p else float(not t))
        assert instance_recall(found)[k] == (len(tp) / len(t) if t else float(not p))
    assert strict_ap(found).mean() == pytest.approx(np.mean(ap), abs=ROUNDING)
    scores = panoptic_scores(found)
    assert scores.pq == pytest.approx(pq, abs=ROUNDING)
    assert scores.sq * scores.rq == pytest.approx(pq, abs=ROUNDING)
    assert (found.intersection, found.union) == jaccard(p, t)
    assert aggregated_jaccard(found) == (float(Fraction(*jaccard(p, t))) if p or t else 1)


@pytest.mark.parametrize("part", range(5))
def test_random_pairs(part: int) -> None:
    for seed in range(part, 250, 5):
        check(*random_pair(seed))


def test_the_pairs_are_neither_all_alike_nor_all_apart() -> None:
    tp, strict = (
        np.sum([getattr(match_instances(*random_pair(s)), name) for s in range(250)], 0) for name in ("tp", "strict_tp")
    )
    assert tp[0] > strict[0], "some IoU is exactly a half"
    assert len(set(tp)) > 7 and tp[-1] > 100


def test_real_nuclei(real_data: Callable[[str], Path]) -> None:
    pairs = list(nuclei_pairs(real_data("dsb2018/stage1_train"), 30))
    assert len(pairs) == 30
    for predicted, truth in pairs:
        check(predicted, truth)


def all_measures(found: Matches) -> list[float]:
    scores = panoptic_scores(found)
    counted = (instance_ap, instance_f1, instance_precision, instance_recall)
    arrays: list[Any] = [*(measure(found) for measure in counted), scores.pq, scores.sq, scores.rq]
    return [*np.concatenate(arrays).tolist(), *strict_ap(found), aggregated_jaccard(found)]


@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 3)])
@pytest.mark.parametrize("swapped", [False, True])
def test_where_one_is_empty_all_is_0_and_where_both_are_1(shape: tuple[int, ...], swapped: bool) -> None:
    some, none = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    some[1:3, 1:3] = 4
    pair = (none, some) if swapped else (some, none)
    assert set(all_measures(match_instances(*pair))) == {0.0}
    assert set(all_measures(match_instances(none, none))) == {1.0}
    assert set(all_measures(match_instances(some, some))) == {1.0}


def test_the_two_readings_differ_where_an_iou_is_the_threshold() -> None:
    """One object of which 3 pixels in 4 were found: IoU 0.75 exactly."""
    truth, predicted = np.ones((2, 2), np.int32), np.array([[1, 1], [1, 0]])
    found = match_instances(predicted, truth)
    assert found.tp.tolist() == [1] * 6 + [0] * 4
    assert found.strict_tp.tolist() == [1] * 5 + [0] * 5
    assert instance_ap(found).mean() == 0.6 and strict_ap(found).mean() == 0.5


@pytest.mark.parametrize("swapped", [False, True])
def test_of_two_halves_one_is_a_pair(swapped: bool) -> None:
    whole, halves = np.full((2, 4), 9), np.array([[1, 1, 2, 2]] * 2)
    found = match_instances(*((whole, halves) if swapped else (halves, whole)), (0.5, 0.55))
    assert found.tp.tolist() == [1, 0] and found.strict_tp.tolist() == [0, 0]
    assert sorted([found.fp[0], found.fn[0]]) == [0, 1]
    assert panoptic_scores(found).pq[0] == 0, "Kirillov's pairs have more than a half"


def test_pooled_matches_are_those_of_the_pictures_side_by_side() -> None:
    pairs = [random_pair(seed) for seed in range(0, 50, 5)]
    largest = 10_000
    beside = [
        np.concatenate([labels + (labels > 0) * largest * k for k, labels in enumerate(maps)])
        for maps in zip(*((one.astype(np.int64), other.astype(np.int64)) for one, other in pairs))
    ]
    pooled, whole = pool_matches([match_instances(*pair) for pair in pairs]), match_instances(*beside)
    assert (pooled.tp == whole.tp).all() and (pooled.fp == whole.fp).all() and (pooled.fn == whole.fn).all()
    assert all_measures(pooled) == pytest.approx(all_measures(whole), abs=ROUNDING)
    by_image = np.mean([instance_ap(match_instances(*pair)) for pair in pairs], axis=0)
    assert (np.abs(by_image - instance_ap(pooled)) > 0.01).any(), "the mean over images is another number"


@pytest.mark.parametrize("scale", [1, 2**40])
def test_ids_are_names_and_no_numbers(scale: int) -> None:
    """Large ids take another path through the counting."""
    for seed in range(0, 50, 7):
        predicted, truth = (labels.astype(np.int64) for labels in random_pair(seed))
        found, again = match_instances(predicted, truth), match_instances(predicted * scale, truth * scale)
        assert all_measures(again) == all_measures(found)
    large = np.array([[2**64 - 1, 0, 2**63]], np.uint64)
    assert instance_ap(match_instances(large, large)).tolist() == [1.0] * 10


def test_a_map_without_background() -> None:
    both = np.array([[3, 3, 5]])
    for scale in (1, 2**40):
        assert match_instances(both * scale, both).tp.tolist() == [2] * 10
    assert match_instances(np.zeros((0, 4), np.int32), np.zeros((0, 4), np.int32)).tp.tolist() == [0] * 10


def test_sparse_tables_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = [all_measures(match_instances(*random_pair(seed))) for seed in range(20)]
    monkeypatch.setattr(_overlaps, "DENSE", 0)
    assert [all_measures(match_instances(*random_pair(seed))) for seed in range(20)] == dense


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), r"predicted is \(2, 3\) and truth \(3, 2\); they must be equal"),
        (np.zeros((2, 3)), np.zeros((2, 3), int), "predicted must hold whole numbers from 0"),
        (np.zeros((2, 3), int), np.full((2, 3), -1), "truth must hold whole numbers from 0"),
        (np.zeros((2, 3), int), np.zeros((2, 3), bool), "truth must hold whole numbers from 0"),
    ],
)
def test_what_is_no_label_map_is_refused(predicted: LabelMap, truth: LabelMap, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        match_instances(predicted, truth)


@pytest.mark.parametrize("threshold", [0.0, 0.45, 1.1, float("nan")])
def test_thresholds_below_a_half_are_refused(threshold: float) -> None:
    empty = np.zeros((2, 3), int)
    with pytest.raises(ConfigError, match=r"they must lie between 0\.5 and 1"):
        match_instances(empty, empty, (0.5, threshold))


def test_what_cannot_be_pooled_is_refused() -> None:
    empty = np.zeros((2, 3), int)
    for cases in ([], [match_instances(empty, empty), match_instances(empty, empty, (0.5,))]):
        with pytest.raises(ConfigError, match="with the same thresholds"):
            pool_matches(cases)


def test_the_thresholds_are_the_decimals_themselves() -> None:
    """0.55 computed as 0.5 + 0.05 is above 11/20."""
    assert IOU_THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
