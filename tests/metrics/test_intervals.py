"""Intervals: what scipy's bootstrap gives where cases stand alone, wider where they do not."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from monaiseg.metrics.intervals import bootstrap_interval


def alone(count: int) -> list[str]:
    return [f"case{number}" for number in range(count)]


def test_it_is_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(3).beta(6, 2, (80, 1))
    low, high = bootstrap_interval(values, alone(80))
    theirs = stats.bootstrap((values[:, 0],), np.mean, method="percentile", rng=np.random.default_rng(1))
    spread = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert low[0] == pytest.approx(theirs.confidence_interval.low, abs=0.03 * spread)
    assert high[0] == pytest.approx(theirs.confidence_interval.high, abs=0.03 * spread)


def by_products(values: np.ndarray, groups: list[str]) -> np.ndarray:
    """The same by a table of groups by cases, which is large for thousands of them."""
    names = sorted(set(groups))
    member = np.array([[group == name for group in groups] for name in names], float)
    rng = np.random.default_rng(0)
    draws = [rng.multinomial(len(names), [1 / len(names)] * len(names), size=1000).astype(float) for _ in range(10)]
    means = [(drawn @ (member @ values)) / (drawn @ member.sum(1))[:, None] for drawn in draws]
    return np.quantile(np.concatenate(means), [(1 - 0.95) / 2, 1 - (1 - 0.95) / 2], axis=0)


@pytest.mark.parametrize("columns", [1, 3])
def test_a_seed_gives_the_figures_of_before(columns: int) -> None:
    """Bit for bit where groups have up to two cases; of more, a product of matrices adds them in its own order."""
    values = np.random.default_rng(8).random((24, columns))
    order = np.random.default_rng(9).permutation(24)
    for groups in (alone(24), [f"pair{number // 2}" for number in order]):
        assert np.array_equal(bootstrap_interval(values, groups), by_products(values, groups))
    large = [f"video{number % 5}" for number in order]
    assert np.allclose(bootstrap_interval(values, large), by_products(values, large), rtol=0, atol=1e-15)


def test_many_cases_take_little_memory() -> None:
    """A table of 5,000 groups by 5,000 cases would be 200 MB; the resamples are."""
    tracemalloc.start()
    bootstrap_interval(np.ones((5_000, 1)), alone(5_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6


def test_it_covers_the_mean_as_often_as_it_says() -> None:
    """In 95 of 100 experiments, less a little that the percentile bootstrap lacks at 40 cases."""
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        low, high = bootstrap_interval(rng.normal(0.7, 0.1, (40, 1)), alone(40))
        hits += low[0] <= 0.7 <= high[0]
    assert 0.90 <= hits / 200 <= 0.98


def test_copies_of_a_case_are_no_further_witnesses() -> None:
    """Each case five times: as one group each they tell no more than once; as cases of their own they seem to."""
    values = np.random.default_rng(5).normal(0.7, 0.1, (20, 1))
    once = bootstrap_interval(values, alone(20))
    grouped = bootstrap_interval(np.repeat(values, 5, axis=0), [name for name in alone(20) for _ in range(5)])
    apart = bootstrap_interval(np.repeat(values, 5, axis=0), alone(100))
    assert np.allclose(once, grouped, rtol=0, atol=1e-12)
    assert apart[1] - apart[0] < 0.6 * (once[1] - once[0])


def test_groups_count_by_their_cases() -> None:
    """The mean is over cases: a group of nine pulls the interval nine times as much as a group of one."""
    values = np.array([[1.0]] * 9 + [[0.0]])
    low, high = bootstrap_interval(values, ["large"] * 9 + ["small"])
    assert (low[0], high[0]) == (0.0, 1.0)


def test_columns_see_the_same_draws() -> None:
    """What is better by 0.01 in every case has an interval of exactly that difference."""
    base = np.random.default_rng(2).random((30, 1))
    low, high = bootstrap_interval(np.concatenate([base + 0.01, base, (base + 0.01) - base], axis=1), alone(30))
    assert low[2] == pytest.approx(0.01) and high[2] == pytest.approx(0.01)
    assert low[0] - low[1] == pytest.approx(0.01)


def test_the_seed_decides_and_the_order_of_cases_does_not() -> None:
    values, names = np.random.default_rng(4).random((25, 2)), [f"{number:02d}" for number in range(25)]
    order = np.random.default_rng(6).permutation(25)
    first = bootstrap_interval(values, names)
    assert np.allclose(first, bootstrap_interval(values[order], [names[k] for k in order]), rtol=0, atol=1e-12)
    assert not np.array_equal(first, bootstrap_interval(values, names, seed=1))


@pytest.mark.parametrize("groups", [["a"], ["a", "a", "a"]])
def test_one_group_tells_nothing(groups: list[str]) -> None:
    assert bootstrap_interval(np.ones((len(groups), 1)), groups) is None
