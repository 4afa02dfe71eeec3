"""Which decoder and thresholds are best on cases, and how good they are on cases that they were not chosen on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from monaiseg.data.cases import Case, group_of
from monaiseg.data.splits import equal_folds
from monaiseg.errors import ConfigError
from monaiseg.instances.decoding import DECODERS, Spacing, finished, maps_of
from monaiseg.instances.keeping import KeptCases
from monaiseg.instances.plan import InstancePlan, Thresholds, decoders_of
from monaiseg.metrics.matching import instance_ap, match_instances, panoptic_scores

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

SCORE = (
    "Mean over cases, of each the mean over classes, of TP / (TP + FP + FN) at IoU 0.5 (AP50); of equals the one of "
    "higher panoptic quality. Cross-fitted: chosen on one half of the cases and scored on the other, both ways."
)
IOU = (0.5,)

_FOREGROUND, _DEPTHS, _SIZES = (0.4, 0.5, 0.6), (0.05, 0.1, 0.2, 0.3), (10, 30)
GRIDS: dict[str, dict[str, Sequence[float]]] = {
    "components": {"foreground": (0.3, 0.4, 0.5, 0.6, 0.7), "min_size": (0, *_SIZES)},
    "watershed": {"foreground": _FOREGROUND, "depth": _DEPTHS, "min_size": _SIZES},
    "border": {"foreground": _FOREGROUND, "border": (0.2, 0.3, 0.5, 0.7), "min_size": _SIZES},
    "distance": {"foreground": _FOREGROUND, "depth": _DEPTHS, "min_size": _SIZES},
}
"""What is tried of each decoder: every combination."""


class Quality(NamedTuple):
    """How good objects are, means over cases: AP at IoU 0.5 and panoptic quality, each 0 to 1."""

    ap50: float
    pq: float


@dataclass(frozen=True)
class Tuned:
    """What tuning found for one decoder.

    Attributes:
        thresholds: the best on all cases.
        untuned: the quality of the default thresholds.
        cross_fitted: the quality of thresholds chosen on one half of the cases, on the other half.
    """

    decoder: str
    thresholds: Thresholds
    untuned: Quality
    cross_fitted: Quality

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        qualities = {"untuned": self.untuned._asdict(), "cross_fitted": self.cross_fitted._asdict()}
        return {"thresholds": asdict(self.thresholds), **qualities}


@dataclass(frozen=True)
class Tuning:
    """What tuning found.

    Attributes:
        decoders: of each decoder, cheap ones first.
        cross_fitted: the quality where the decoder, too, is chosen on the other half of the cases.
        cases: the ids of those tuned on.
    """

    decoders: tuple[Tuned, ...]
    cross_fitted: Quality
    cases: tuple[str, ...]

    @property
    def best(self) -> Tuned:
        """The decoder of the best cross-fitted quality."""
        return max(self.decoders, key=lambda tuned: tuned.cross_fitted)

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        figures = {tuned.decoder: tuned.record() for tuned in self.decoders}
        told = {"score": SCORE, "cross_fitted": self.cross_fitted._asdict(), "decoders": figures}
        return {**told, "cases": list(self.cases)}


def candidates(decoder: str) -> list[Thresholds]:
    """Return the thresholds that are tried, the default ones first, so that they win where nothing is better."""
    grid = GRIDS[decoder]
    combinations: Iterable[Any] = product(*grid.values())
    every = [Thresholds(**dict(zip(grid, values, strict=True))) for values in combinations]
    return sorted(every, key=lambda thresholds: thresholds != Thresholds())


def tune(
    kept: KeptCases,
    plan: InstancePlan,
    cases: Sequence[Case],
    groups: Mapping[str, str] | None = None,
    seed: int = 0,
    see: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Tuning:
    """Return what is best on the cases that are kept.

    Args:
        kept: what was predicted of each of the cases, and its objects.
        plan: the channels.
        cases: the same, in any order.
        groups: what each case belongs to, by its id; those of one group stay in one half. None: as the cases say.
        seed: of the halves.
        see: is given the numbers of the cases and gives them back, to show progress.

    Raises:
        ConfigError: there are fewer than two cases, or groups of them.
    """
    by_id = {case["id"]: case for case in cases}
    chosen = [by_id[name] for name in kept.ids]
    of = groups or {case["id"]: group_of(case) for case in cases}
    check_halves(of)
    first = {case["id"] for case in equal_folds(chosen, [of[name] for name in kept.ids], 2, seed)[0]}
    half = np.array([name in first for name in kept.ids])
    names = decoders_of(plan.channels)
    scored = [_qualities(*kept[number], plan, names) for number in see(range(len(kept)))]
    tables = {name: np.stack([one[name] for one in scored]) for name in names}
    found = tuple(_tuned(name, tables[name], half) for name in names)
    overall = Quality(*cross_fitted(np.concatenate(list(tables.values()), axis=1), half))
    return Tuning(found, overall, tuple(kept.ids))


def check_halves(groups: Mapping[str, str]) -> None:
    """Raise ConfigError where the cases, whose groups these are, cannot be halved."""
    if len(set(groups.values())) < 2:
        raise ConfigError("tune is True, which needs two cases that are not of one group; give more with --data_root")


def _tuned(decoder: str, table: Floats, half: npt.NDArray[np.bool_]) -> Tuned:
    untuned, fitted = Quality(*table[:, 0].mean(0).tolist()), Quality(*cross_fitted(table, half))
    return Tuned(decoder, candidates(decoder)[best_of(table)], untuned, fitted)


def best_of(table: Floats) -> int:
    """Return which candidate is best by the mean over cases of `table` [cases, candidates, 2]: AP50, then PQ."""
    means = [tuple(mean) for mean in table.mean(0).tolist()]
    return means.index(max(means))


def cross_fitted(table: Floats, half: npt.NDArray[np.bool_]) -> list[float]:
    """Return the mean AP50 and PQ where each half of the cases has the candidate that is best on the other half."""
    fitted = np.empty((len(table), 2))
    for side in (half, ~half):
        fitted[side] = table[side, best_of(table[~side])]
    means: list[float] = fitted.mean(0).tolist()
    return means


def _qualities(
    classes: Array, channels: Array, truth: Array, spacing: Spacing, plan: InstancePlan, names: Sequence[str]
) -> dict[str, Floats]:
    """Return of one case and each decoder the quality of each candidate, [candidates, 2], mean over classes."""
    maps = maps_of(classes, channels, plan)
    each = zip(classes, maps, truth, strict=True)
    rows = [{name: _candidate_qualities(name, one, own, ids, spacing) for name in names} for one, own, ids in each]
    return {name: np.mean([row[name] for row in rows], axis=0) for name in names}


def _candidate_qualities(decoder: str, probability: Any, maps: Any, truth: Any, spacing: Spacing) -> Floats:
    """Return [candidates, 2]; candidates that differ in the least size alone share the work before it."""
    rough: dict[Thresholds, Any] = {}
    found = []
    for thresholds in candidates(decoder):
        key = replace(thresholds, min_size=0)
        if key not in rough:
            rough[key] = DECODERS[decoder](probability, maps, key, spacing)
        matches = match_instances(finished(rough[key], thresholds.min_size), truth, IOU)
        found.append((instance_ap(matches)[0], panoptic_scores(matches).pq[0]))
    return np.array(found)
