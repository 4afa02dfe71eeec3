"""Splits: five folds made from the split seed alone, and a record of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from monaiseg.data import FOREGROUND, Case, CaseSplit, finding, load_cases
from monaiseg.data.layouts import FoundData
from monaiseg.errors import ConfigError, DataError

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, write_pairs: Write) -> Path:
    return write_pairs(tmp_path / "set", 12, (4, 3))


def ids(cases: list[Case]) -> list[str]:
    return [case["id"] for case in cases]


def held_out(folder: Path, split_seed: int = 0) -> list[list[str]]:
    return [ids(load_cases(str(folder), fold=fold, split_seed=split_seed).validation) for fold in range(5)]


def split_of(cases: list[Case], fold: int, split_seed: int = 0) -> CaseSplit:
    with pytest.MonkeyPatch.context() as patch:
        found = FoundData(Path(), "made_up", {"all": cases}, FOREGROUND)
        patch.setattr(finding, "find_data", lambda root, layout: found)
        return load_cases(".", fold=fold, split_seed=split_seed)


def case(name: str, group: str | None = None) -> Case:
    return Case(image=f"{name}.png", label=[f"{name}_mask.png"], id=name, group=group)


def test_five_disjoint_folds_cover_everything(folder: Path) -> None:
    everything = [f"case_{n:02d}" for n in range(12)]
    assert sorted(chain.from_iterable(held_out(folder))) == everything
    assert {len(part) for part in held_out(folder)} == {2, 3}
    for fold in range(5):
        split = load_cases(str(folder), fold=fold)
        assert sorted(ids(split.train) + ids(split.validation)) == everything
        assert ids(split.train) == sorted(ids(split.train))
        assert f"fold {fold} of 5 (split seed 0)" in split.record()["split"]


def test_folds_are_the_same_on_every_machine_and_in_every_version(folder: Path) -> None:
    """A split that moved would make scores of two releases incomparable: these ids are written down on purpose."""
    assert held_out(folder)[0] == ["case_00", "case_06", "case_08"]


def test_folds_depend_on_the_split_seed_alone(folder: Path, tmp_path: Path, write_pairs: Write) -> None:
    before = held_out(folder)
    for draw in (random.seed, np.random.seed, torch.manual_seed):
        draw(4321)
    other = tmp_path / "elsewhere"
    write_pairs(tmp_path / "made", 12, (5, 7))
    for sub in ("images", "masks"):
        (other / sub).mkdir(parents=True)
        for file in sorted((tmp_path / "made" / sub).iterdir(), reverse=True):
            (other / sub / file.name).write_bytes(file.read_bytes())
    assert held_out(other) == before
    assert held_out(folder, split_seed=1) != before


@given(st.lists(st.integers(0, 8), min_size=12, max_size=30), st.integers(0, 99))
def test_groups_stay_together(groups: list[int], split_seed: int) -> None:
    cases = [case(f"{n:02d}", f"video {group}") for n, group in enumerate(groups)]
    count = len(set(groups))
    if count < 2:
        with pytest.raises(DataError, match="need at least 2"):
            split_of(cases, 0, split_seed)
        return
    seen: list[str] = []
    for fold in range(min(5, count)):
        split = split_of(cases, fold, split_seed)
        assert not {c["group"] for c in split.train} & {c["group"] for c in split.validation}
        assert split.train and split.validation
        seen += ids(split.validation)
    assert sorted(seen) == ids(cases)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_fewer_than_five_cases_make_as_many_folds(count: int) -> None:
    cases = [case(str(n)) for n in range(count)]
    parts = [ids(split_of(cases, fold).validation) for fold in range(count)]
    assert sorted(chain.from_iterable(parts)) == ids(cases)
    with pytest.raises(ConfigError, match=f"fold is {count}; with {count} cases it must be between 0 and {count - 1}"):
        split_of(cases, count)


def test_one_case_cannot_be_split() -> None:
    with pytest.raises(DataError, match="1 case only; training and validation need at least 2"):
        split_of([case("a")], 0)


@pytest.mark.parametrize("fold", [5, -1, "0", True, False, 0.0, None])
def test_bad_folds_are_refused(folder: Path, fold: int) -> None:
    with pytest.raises(ConfigError, match=f"fold is {fold!r}; with 12 cases it must be between 0 and 4"):
        load_cases(str(folder), fold=fold)


def test_the_record_names_both_sides_and_its_hash_moves_with_the_files(folder: Path) -> None:
    record = load_cases(str(folder), fold=2, split_seed=7).record()
    assert len(record["train"]) == 12 - len(record["validation"]) and record["root"] == str(folder)
    assert (record["layout"], record["fold"], record["split_seed"]) == ("images_masks", 2, 7)
    mask = folder / "masks" / "case_03.png"
    same = mask.read_bytes()
    hashes = [record["hash"]]
    for fold in range(5):
        assert load_cases(str(folder), fold=fold).record()["hash"] == record["hash"]
    mask.write_bytes(same)
    assert load_cases(str(folder)).record()["hash"] == record["hash"]
    Image.fromarray(np.random.default_rng(0).integers(0, 2, (40, 40), np.uint8)).save(mask)
    hashes.append(load_cases(str(folder)).record()["hash"])
    mask.write_bytes(same)
    (folder / "images" / "case_00.png").unlink()
    hashes.append(load_cases(str(folder)).record()["hash"])
    assert len(set(hashes)) == 3
