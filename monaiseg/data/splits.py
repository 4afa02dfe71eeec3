"""Splits that do not leak: what belongs together stays in one part, and each part has its share of foreground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from monai.data.utils import partition_dataset

from monaiseg._wording import counted
from monaiseg.data.cases import Case, group_of
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.duplicates import NearPair, find_duplicates, groups_of
from monaiseg.data.labels import read_label
from monaiseg.data.looks import read_each
from monaiseg.data.reading import image_shape
from monaiseg.errors import ConfigError, DataError

Array = npt.NDArray[Any]

WAYS = ("auto", "group", "near_duplicates", "case")
FOLDS = 5
PARTS = ("train", "validation", "test")
DRAWS = 100
"""So many orders of the groups are tried, of a set with few of them; and so many groups are given out in all:"""

GIVEN = 30_000

LEVELS = 10
"""Classes of foreground share, each with as many cases, that each part gets its share of."""


def groups_by(cases: Sequence[Case], pairs: Sequence[NearPair]) -> list[str]:
    """Return the group of each case where near duplicates belong together as well as the cases of one group.

    A group that near duplicates make is called after the first case or group in it.
    """
    names = [group_of(case) for case in cases]
    first = {name: names.index(name) for name in names}
    own = [NearPair(first[name], position, "group", 1.0) for position, name in enumerate(names)]
    label: dict[int, str] = {}
    return [label.setdefault(number, names[k]) for k, number in enumerate(groups_of(len(cases), [*own, *pairs]))]


def groups_of_cases(cases: Sequence[Case], by: str = "auto") -> tuple[str, list[str], list[NearPair]]:
    """Return by what cases were grouped, the group of each, and the near duplicates that were found for it.

    Args:
        cases: whose images are read where near duplicates are looked for.
        by: one of `WAYS`; `auto` is `group` where any case has one, else `near_duplicates`.

    Raises:
        DataError: no case has a group, or an image cannot be read.
    """
    grouped = any(case["group"] for case in cases)
    if by == "auto":
        by = "group" if grouped else "near_duplicates"
    if by == "group" and not grouped:
        raise DataError("no case has a group; split --by near_duplicates")
    if by == "case":
        return by, [case["id"] for case in cases], []
    pairs = find_duplicates(cases) if by == "near_duplicates" else []
    return by, groups_by(cases, pairs), pairs


def foreground_shares(cases: Sequence[Case], classes: Classes = FOREGROUND) -> list[float]:
    """Return the share of each case's pixels that any of its classes covers; raises DataError as `read_label` does."""

    def share(case: Case) -> float:
        return float(read_label(case, len(image_shape(case)[1]), classes)[0].any(0).mean())

    return read_each("reading labels", share, cases)


def equal_folds(cases: Sequence[Case], groups: Sequence[str], folds: int, seed: int) -> list[list[Case]]:
    """Return the cases of each of `folds` parts, sorted by id; groups stay whole.

    Where no two cases are of one group, it is MONAI's `partition_dataset` over the sorted names. Raises as `allocate`.
    """
    check_parts(groups, folds)
    if len(set(groups)) < len(groups):
        return allocate(cases, groups, [1.0] * folds, seed)
    parts = partition_dataset(sorted(groups), num_partitions=folds, shuffle=True, seed=seed)
    place = {name: number for number, part in enumerate(parts) for name in part}
    return _filled(cases, [place[name] for name in groups], folds)


def allocate(
    cases: Sequence[Case],
    groups: Sequence[str],
    shares: Sequence[float],
    seed: int,
    foreground: Sequence[float] | None = None,
) -> list[list[Case]]:
    """Return the cases of each part, sorted by id: groups stay whole, no part is empty.

    Groups are given out one by one in an order that the seed draws, each to the part that then comes nearest to its
    share: of the cases, and of their `foreground` where that is given. Of many such orders the one is taken whose parts
    come nearest in the end, so that any group may come to any part.

    Args:
        cases: in any order.
        groups: what each case must stay together with.
        shares: how much of the cases each part shall have; only their ratio counts.
        seed: which group comes to which part.
        foreground: the share of foreground of each case.

    Raises:
        DataError: there are fewer groups than parts.
    """
    check_parts(groups, len(shares))
    order = sorted(range(len(cases)), key=lambda position: cases[position]["id"])
    members: dict[str, list[int]] = {}
    for number, position in enumerate(order):
        members.setdefault(groups[position], []).append(number)
    wanted = _wanted(len(cases), None if foreground is None else np.array([foreground[k] for k in order], float))
    place = _given_out(members, wanted, np.asarray(shares) / sum(shares), seed)
    return _filled(cases, [place[name] for name in groups], len(shares))


def _wanted(count: int, share: Array | None) -> Array:
    """Return what each part shall have its share of, [cases, quantities]: cases, of each level, and foreground."""
    each = np.ones((count, 1))
    if share is None:
        return each
    rank = np.argsort(np.argsort(share, kind="stable"), kind="stable")
    levels = np.eye(LEVELS)[rank * LEVELS // count]
    scaled = (share - share.mean()) / max(share.std(), 1e-9)
    # Cases come first and count double: parts of the size that was asked for come before parts of one mix.
    return np.concatenate([2 * each, levels, scaled[:, None]], axis=1)


def _given_out(members: dict[str, list[int]], wanted: Array, shares: Array, seed: int) -> dict[str, int]:
    """Return the part of each group, in the best of many orders that the seed draws."""
    scale = np.maximum(np.abs(wanted).sum(0), 1e-12)
    targets = shares[:, None] * wanted.sum(0)
    names, added = list(members), np.stack([wanted[numbers].sum(0) for numbers in members.values()])
    draw = np.random.RandomState(seed)  # the same in every numpy
    best: tuple[float, list[int]] | None = None
    for _ in range(max(1, min(DRAWS, GIVEN // len(names)))):
        order = draw.permutation(len(names))
        places, held = _in_order(order, added, targets, scale)
        missed = ((held - targets) ** 2 / scale).sum(0)
        miss = float((LEVELS * missed[0] + missed[1:].sum()).round(12))  # sizes before mixes, as above
        if best is None or miss < best[0]:
            best = miss, places
    assert best is not None
    return dict(zip(names, best[1], strict=True))


def _in_order(order: Array, added: Array, targets: Array, scale: Array) -> tuple[list[int], Array]:
    """Return the part of each group, given out in this order, and what each part then holds."""
    held = np.zeros_like(targets)
    places = [-1] * len(order)
    empty = set(range(len(targets)))
    for number, group in enumerate(order):
        allowed = np.array(sorted(empty)) if len(order) - number <= len(empty) else np.arange(len(targets))
        gap = held[allowed] - targets[allowed]
        cost = (((gap + added[group]) ** 2 - gap**2) / scale).sum(1)
        part = int(allowed[np.argmin(cost.round(12))])
        places[group] = part
        held[part] += added[group]
        empty.discard(part)
    return places, held


def _filled(cases: Sequence[Case], places: Sequence[int], count: int) -> list[list[Case]]:
    parts: list[list[Case]] = [[] for _ in range(count)]
    for case, place in sorted(zip(cases, places, strict=True), key=lambda pair: pair[0]["id"]):
        parts[place].append(case)
    return parts


def check_parts(groups: Sequence[str], parts: int) -> None:
    """Raise DataError where there are fewer groups than parts: each stays whole, and no part may be empty."""
    count = len(set(groups))
    if count < parts:
        fewer = f", or ask for {count}" if count > 1 else ""
        told = f"{counted(count, 'group')} of cases cannot make {parts} parts, for each stays whole"
        raise DataError(f"{told}; {parts} parts need {parts} groups{fewer}")


def check_seed(seed: Any, key: str = "split_seed") -> None:
    """Raise ConfigError unless a seed is a whole number from 0."""
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ConfigError(f"{key} is {seed!r}; it must be a whole number from 0")


def check_shares(shares: Sequence[float]) -> None:
    """Raise ConfigError unless shares are two or three positive numbers that make 1."""
    if len(shares) not in (2, 3) or not min(shares) > 0 or not abs(sum(shares) - 1) <= 1e-6:
        text = " ".join(f"{share:g}" for share in shares)
        raise ConfigError(f"--shares {text}: write 2 or 3 positive numbers that make 1, as 0.7 0.1 0.2")
