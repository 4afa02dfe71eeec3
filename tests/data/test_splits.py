"""Splits: whole groups, no empty part, the same from any file order, and the same mix in each part."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from monaiseg.data import Case, NearPair, allocate, foreground_shares, groups_of_cases, load_cases
from monaiseg.data.splits import check_parts, check_seed, check_shares, equal_folds, groups_by
from monaiseg.errors import ConfigError, DataError

SHARES = st.sampled_from([[1.0] * 5, [1.0] * 3, [0.7, 0.1, 0.2], [0.8, 0.2], [0.05, 0.9, 0.05]])
NAMES = st.lists(st.integers(0, 14), min_size=2, max_size=40)


def cases_of(count: int) -> list[Case]:
    return [Case(image=f"{n:02d}.png", label=[f"{n:02d}_mask.png"], id=f"{n:02d}", group=None) for n in range(count)]


def ids(parts: list[list[Case]]) -> list[list[str]]:
    return [[case["id"] for case in part] for part in parts]


@given(NAMES, SHARES, st.integers(0, 99), st.data())
def test_every_case_is_in_one_part_and_groups_stay_whole(
    names: list[int], shares: list[float], seed: int, data: st.DataObject
) -> None:
    cases, groups = cases_of(len(names)), [f"video {name}" for name in names]
    share = st.floats(0, 1, allow_subnormal=False)
    foreground = data.draw(st.none() | st.lists(share, min_size=len(names), max_size=len(names)))
    if len(set(groups)) < len(shares):
        with pytest.raises(DataError, match=f"{len(set(groups))} groups? of cases cannot make {len(shares)} parts"):
            allocate(cases, groups, shares, seed, foreground)
        return
    parts = allocate(cases, groups, shares, seed, foreground)
    assert sorted(chain(*ids(parts))) == [case["id"] for case in cases]
    assert all(parts) and all(part == sorted(part, key=lambda case: case["id"]) for part in parts)
    held = [{groups[int(case["id"])] for case in part} for part in parts]
    assert sum(len(part) for part in held) == len(set(groups))


@given(NAMES, SHARES, st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_order_of_the_files_changes_nothing(names: list[int], shares: list[float], seed: int, draw: object) -> None:
    groups = [f"video {name}" for name in names]
    foreground = [name / 15 for name in names]
    cases = cases_of(len(names))
    order = list(range(len(names)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    if len(set(groups)) < len(shares):
        return
    before = allocate(cases, groups, shares, seed, foreground)
    after = allocate(
        [cases[k] for k in order], [groups[k] for k in order], shares, seed, [foreground[k] for k in order]
    )
    assert ids(before) == ids(after)
    if len(set(groups)) >= 3:
        folds = equal_folds([cases[k] for k in order], [groups[k] for k in order], 3, seed)
        assert ids(folds) == ids(equal_folds(cases, groups, 3, seed))


def test_seeds_give_other_splits() -> None:
    cases = cases_of(30)
    groups = [case["id"] for case in cases]
    drawn = {str(ids(allocate(cases, groups, [0.7, 0.1, 0.2], seed))) for seed in range(10)}
    assert len(drawn) == 10


@pytest.mark.parametrize("shares", [[1.0] * 5, [0.7, 0.1, 0.2]])
def test_any_group_may_come_to_any_part(shares: list[float]) -> None:
    """Given out by size, the largest of these patients were in training whatever the seed."""
    groups = [f"patient {number}" for number in range(1, 16) for _ in range(number)]
    cases = cases_of(len(groups))
    drawn = [allocate(cases, groups, shares, seed) for seed in range(40)]
    assert len({str(ids(parts)) for parts in drawn}) > 30
    for part in range(len(shares)):
        held = Counter(group for parts in drawn for group in {groups[int(case["id"])] for case in parts[part]})
        assert len(held) > 10 and max(held.values()) < 40
    sizes = [abs(len(part) - 120 * share / sum(shares)) for parts in drawn for part, share in zip(parts, shares)]
    assert max(sizes) <= 3


def test_the_split_is_the_same_in_every_version() -> None:
    """Like the folds, on purpose."""
    cases = cases_of(12)
    parts = allocate(cases, [str(n // 2) for n in range(12)], [0.5, 0.25, 0.25], 0, [n / 12 for n in range(12)])
    assert ids(parts) == [["02", "03", "06", "07", "08", "09"], ["00", "01", "10", "11"], ["04", "05"]]


@pytest.mark.parametrize("shares", [[1.0] * 5, [0.7, 0.1, 0.2]])
@pytest.mark.parametrize("foreground", [False, True])
def test_parts_have_the_size_that_was_asked_for(shares: list[float], foreground: bool) -> None:
    cases = cases_of(100)
    given_shares = list(np.random.default_rng(0).beta(1, 8, 100)) if foreground else None
    parts = allocate(cases, [case["id"] for case in cases], shares, 3, given_shares)
    for part, share in zip(parts, shares):
        assert abs(len(part) - 100 * share / sum(shares)) <= 1


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=60, max_size=120), st.integers(0, 99))
def test_single_cases_give_parts_of_one_mix(foreground: list[float], seed: int) -> None:
    """The bound holds whatever the shares are: means a fifth of their range apart at most."""
    cases = cases_of(len(foreground))
    parts = allocate(cases, [case["id"] for case in cases], [1.0] * 5, seed, foreground)
    means = [np.mean([foreground[int(case["id"])] for case in part]) for part in parts]
    assert max(means) - min(means) <= 0.2 * (max(foreground) - min(foreground)) + 1e-9


@pytest.mark.parametrize("shares", [[1.0] * 5, [0.7, 0.1, 0.2]])
def test_stratified_videos_have_means_half_as_far_apart(shares: list[float]) -> None:
    rng = np.random.default_rng(0)
    spread = {True: 0.0, False: 0.0}
    for seed in range(20):
        groups = [f"video {video}" for video in range(30) for _ in range(rng.integers(1, 15))]
        level = dict(zip(sorted(set(groups)), rng.beta(1.2, 8, 30)))
        foreground = [level[name] * rng.uniform(0.7, 1.3) for name in groups]
        cases = cases_of(len(groups))
        for stratified in spread:
            parts = allocate(cases, groups, shares, seed, foreground if stratified else None)
            means = [np.mean([foreground[int(case["id"])] for case in part]) for part in parts]
            spread[stratified] += max(means) - min(means)
    assert spread[True] < 0.5 * spread[False]


def test_folds_of_single_cases_are_those_of_a_training(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path, 13, (4, 3))
    cases = sorted(load_cases(str(folder)).train + load_cases(str(folder)).validation, key=lambda case: case["id"])
    folds = equal_folds(cases, [case["id"] for case in cases], 5, 4)
    assert ids(folds) == ids([load_cases(str(folder), fold=k, split_seed=4).validation for k in range(5)])


def test_folds_of_groups_are_of_like_size() -> None:
    """Groups were once dealt out by number, so that one video of 20 frames made a fold of 20 among folds of 2."""
    groups = ["long"] * 20 + [str(n) for n in range(20)]
    sizes = [len(fold) for fold in equal_folds(cases_of(40), groups, 3, 0)]
    assert sorted(sizes) == [10, 10, 20]


def test_near_duplicates_and_groups_are_joined() -> None:
    cases = cases_of(7)
    for number, name in ((0, "a"), (1, "a"), (4, "b"), (5, "b")):
        cases[number]["group"] = name
    pairs = [NearPair(1, 2, "near", 0.9), NearPair(2, 6, "exact", 1.0)]
    assert groups_by(cases, pairs) == ["a", "a", "a", "03", "b", "b", "a"]


def picture(path: Path, seed: int) -> str:
    pixels = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), np.uint8)
    Image.fromarray(pixels.repeat(8, 0).repeat(8, 1)).save(path)
    return str(path)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Case]:
    """Four cases, of which the last shows what the first shows."""
    return [
        Case(image=picture(tmp_path / f"{name}.png", seed), label=[], id=name, group=None)
        for name, seed in zip("abcd", (0, 1, 2, 0))
    ]


@pytest.mark.parametrize(
    ("by", "taken", "groups"),
    [
        ("auto", "near_duplicates", ["a", "b", "c", "a"]),
        ("near_duplicates", "near_duplicates", ["a", "b", "c", "a"]),
        ("case", "case", ["a", "b", "c", "d"]),
    ],
)
def test_what_belongs_together_without_groups(pictures: list[Case], by: str, taken: str, groups: list[str]) -> None:
    assert groups_of_cases(pictures, by)[:2] == (taken, groups)


@pytest.mark.parametrize(
    ("by", "taken", "groups"),
    [
        ("auto", "group", ["v", "v", "c", "d"]),
        ("group", "group", ["v", "v", "c", "d"]),
        ("near_duplicates", "near_duplicates", ["v", "v", "c", "v"]),
        ("case", "case", ["a", "b", "c", "d"]),
    ],
)
def test_what_belongs_together_with_groups(pictures: list[Case], by: str, taken: str, groups: list[str]) -> None:
    pictures[0]["group"] = pictures[1]["group"] = "v"
    assert groups_of_cases(pictures, by)[:2] == (taken, groups)


def test_no_groups_are_told(pictures: list[Case]) -> None:
    with pytest.raises(DataError, match="no case has a group; split --by near_duplicates"):
        groups_of_cases(pictures, "group")


def test_foreground_is_what_any_class_covers(tmp_path: Path) -> None:
    picture(tmp_path / "image.png", 0)
    masks = []
    for name, columns in (("one", slice(0, 36)), ("two", slice(18, 54))):
        mask = np.zeros((72, 72), np.uint8)
        mask[:, columns] = 255
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
        masks.append(str(tmp_path / f"{name}.png"))
    image = str(tmp_path / "image.png")
    cases = [
        Case(image=image, label=[masks[0]], id="a", group=None),
        Case(image=image, label=[*masks], id="b", group=None),
    ]
    assert foreground_shares(cases) == [0.5, 0.75]


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.6], [0.5, 0.5, 0.0], [0.25] * 4, [1.2, -0.2], [float("nan"), 0.5]])
def test_wrong_shares(shares: list[float]) -> None:
    with pytest.raises(ConfigError, match=r"write 2 or 3 positive numbers that make 1"):
        check_shares(shares)


@pytest.mark.parametrize("seed", [-1, 0.5, True, "0"])
def test_wrong_seeds(seed: object) -> None:
    with pytest.raises(ConfigError, match="it must be a whole number from 0"):
        check_seed(seed)


def test_too_few_groups_are_told() -> None:
    with pytest.raises(DataError, match="2 groups of cases cannot make 3 parts, for each stays whole; 3 parts need 3"):
        check_parts(["a", "a", "b"], 3)
