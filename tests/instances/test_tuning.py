"""Tuning finds what was planted, and its cross-fitted figures do not see what they score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from touching import SLICES, balls, thick_slices, told

from monaiseg.data import Case
from monaiseg.errors import ConfigError
from monaiseg.instances import InstancePlan, Thresholds, decode
from monaiseg.instances.keeping import KeptCases
from monaiseg.instances.plan import DECODER_NAMES
from monaiseg.instances.tuning import GRIDS, Tuning, best_of, candidates, cross_fitted, tune

BOTH = InstancePlan(("border", "distance"), "border")


def cases(count: int, groups: Sequence[str] | None = None) -> list[Case]:
    named = groups or [None] * count
    return [Case(image="", label=[""], id=f"c{number}", group=named[number]) for number in range(count)]


def discs(seed: int) -> npt.NDArray[np.int32]:
    """Three discs in a row that touch, somewhere, and one alone."""
    row, column = np.random.default_rng(seed).integers(11, 15, 2)
    return balls((26, 80), *(((row, column + 13 * number), 7.5) for number in range(3)), ((12, 68), 8))


def kept_discs(count: int, border: float = 1.0, foreground: float = 1.0) -> KeptCases:
    """Cases whose channels are right, but weak by these factors."""
    kept = KeptCases()
    for number in range(count):
        ids = discs(number)
        classes, channels = told(ids)
        kept.add(f"c{number}", foreground * classes, channels * np.reshape([border, 1], (2, 1, 1)), ids[None])
    return kept


@pytest.mark.parametrize("decoder", DECODER_NAMES)
def test_the_default_thresholds_are_tried_first_and_no_more_than_thirty(decoder: str) -> None:
    tried = candidates(decoder)
    assert tried[0] == Thresholds() and len(set(tried)) == len(tried) <= 30
    assert all(getattr(one, name) in values for one in tried for name, values in GRIDS[decoder].items())


def test_it_finds_the_planted_thresholds() -> None:
    found = tune(kept_discs(6, border=0.28, foreground=0.55), BOTH, cases(6))
    border = next(one for one in found.decoders if one.decoder == "border")
    assert border.thresholds.border == 0.2 and border.thresholds.foreground == 0.4
    assert border.untuned.ap50 < 0.5 and border.cross_fitted.ap50 == 1
    assert found.best.cross_fitted == max(one.cross_fitted for one in found.decoders)
    assert found.cross_fitted.ap50 == 1


def test_where_nothing_is_better_the_default_stays() -> None:
    assert best_of(np.tile([[[0.5, 0.2]]], (3, 7, 1))) == 0
    assert best_of(np.array([[[0.5, 0.2], [0.5, 0.3], [0.4, 0.9]]])) == 1  # of equal AP the one of higher quality
    found = tune(kept_discs(4), BOTH, cases(4))
    at = {one.decoder: one for one in found.decoders}
    assert tuple(at) == DECODER_NAMES
    assert at["components"].untuned.ap50 == at["components"].cross_fitted.ap50 == pytest.approx(0.2)
    assert at["border"].untuned.ap50 == at["border"].cross_fitted.ap50 == 1


def test_a_network_without_channels_is_tuned_too() -> None:
    kept = KeptCases()
    for number in range(4):
        kept.add(f"c{number}", told(discs(number))[0], None, discs(number)[None])
    found = tune(kept, InstancePlan(), cases(4))
    assert [one.decoder for one in found.decoders] == ["components", "watershed"]
    assert found.best.decoder == "watershed"


def test_objects_of_thick_slices_are_tuned_by_millimetres() -> None:
    def untuned(spacing: Sequence[float] | None) -> float:
        kept = KeptCases()
        for number in range(2):
            kept.add(f"c{number}", told(thick_slices(), 0)[0], None, thick_slices()[None], spacing)
        return tune(kept, InstancePlan(), cases(2)).decoders[-1].untuned.ap50

    assert (untuned(None), untuned(SLICES)) == (0.5, 1)


def planted() -> npt.NDArray[np.float64]:
    """[cases, candidates, 2]: each case is perfect by a candidate of its own, of which no other case has anything."""
    table = np.zeros((8, 9, 2))
    table[:, 0] = 0.4
    table[range(8), range(1, 9)] = 1
    table[:4, 1] += 0.5  # on the first half the first case's candidate is the best
    table[4:, 8] += 0.5
    return np.clip(table, 0, 1)


def test_a_cross_fitted_figure_does_not_see_the_half_that_it_scores() -> None:
    """Tuned on all, a candidate looks better than the default; chosen on the other half, it is worse."""
    table, half = planted(), np.arange(8) < 4
    assert best_of(table[:4]) == 1 and best_of(table[4:]) == 8
    fitted = cross_fitted(table, half)
    assert fitted == [0, 0] and table[:, 0].mean() == pytest.approx(0.4)
    changed = table.copy()
    changed[:4] = changed[:4, ::-1]  # whatever the scored half is like, its candidate was chosen elsewhere
    assert cross_fitted(changed, half)[0] == pytest.approx((changed[:4, 8].mean(0)[0] + changed[4:, 7].mean(0)[0]) / 2)


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(1, 6))
def test_no_cross_fitted_figure_is_above_the_best_of_each_half(seed: int, count: int, tried: int) -> None:
    rng = np.random.default_rng(seed)
    table, half = rng.random((count, tried, 2)), np.arange(count) < rng.integers(1, count)
    best = [table[side].mean(0)[:, 0].max() * side.mean() for side in (half, ~half)]
    assert cross_fitted(table, half)[0] <= sum(best) + 1e-12


def test_cases_of_one_group_lie_in_one_half() -> None:
    """Two videos that need other thresholds: halves of cases, of which each has some of both, would hide it."""
    kept = KeptCases()
    for number in range(6):
        classes, channels = told(discs(number))
        weak = np.reshape([0.45 if number % 2 else 1.0], (1, 1, 1))
        noise = 0.0 if number % 2 else 0.42 * (discs(number) > 0)  # a border all over, below 0.5
        kept.add(f"c{number}", classes, np.clip(channels[:1] * weak + noise, 0, 1), discs(number)[None])
    plan = InstancePlan(("border",), "border")
    by_video = tune(kept, plan, cases(6, ["a", "b"] * 3)).decoders[-1]
    assert by_video.decoder == "border"
    assert by_video.cross_fitted.ap50 < min(tune(kept, plan, cases(6)).decoders[-1].cross_fitted.ap50, 1)


def test_one_group_cannot_be_halved() -> None:
    with pytest.raises(ConfigError, match="tune is True, which needs two cases that are not of one group"):
        tune(kept_discs(3), BOTH, cases(3, ["a", "a", "a"]))


def test_what_is_kept_is_what_was_given_to_half_a_level(tmp_path: Path) -> None:
    kept = KeptCases(tmp_path)
    classes, channels = told(discs(0))
    kept.add("a", classes, channels, discs(0)[None])
    kept.add("b", classes, None, discs(1)[None])
    for number, further in ((0, channels), (1, channels[:0])):
        back = kept[number]
        assert np.abs(back[0] - classes).max() <= 0.5 / 255 + 1e-6 and back[1].shape == further.shape
        assert np.array_equal(back[2], discs(number)[None])
    assert np.array_equal(decode(kept[0][0], kept[0][1], BOTH), decode(classes, channels, BOTH))


def test_the_record_has_every_figure() -> None:
    found = tune(kept_discs(4), BOTH, cases(4))
    record = found.record()
    assert record["cases"] == [f"c{number}" for number in range(4)] and isinstance(found, Tuning)
    assert set(record["decoders"]) == set(DECODER_NAMES)
    for one in found.decoders:
        figures = record["decoders"][one.decoder]
        assert Thresholds(**figures["thresholds"]) == one.thresholds
        assert figures["untuned"] == {"ap50": one.untuned.ap50, "pq": one.untuned.pq}
        assert figures["cross_fitted"] == {"ap50": one.cross_fitted.ap50, "pq": one.cross_fitted.pq}
