"""The warning at the start of a training: of validation cases that training has as good as shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from monai.transforms import Compose, Lambda
from PIL import Image

from monaiseg.data import (
    CaseDataset,
    NormaliseCase,
    ReadCase,
    alike_groups,
    evaluation_loader,
    generate_polyps,
    leaked_pairs,
    list_cases,
    load_cases,
    tell_leaks,
)

Real = Callable[[str], Path]


def write(folder: Path, names: dict[str, int]) -> None:
    """Pairs by name, each of a seed."""
    for sub in ("images", "masks"):
        (folder / sub).mkdir(parents=True)
    for name, seed in names.items():
        for sub, pixels in zip(("images", "masks"), generate_polyps(seed, 96)):
            Image.fromarray(pixels).save(folder / sub / f"{name}.png")


@pytest.fixture
def sides(tmp_path: Path) -> tuple[CaseDataset, CaseDataset]:
    """Ids repeat; validation a shows what training c shows, validation b what training b shows."""
    write(tmp_path / "train", dict(zip("abcde", range(5))))
    write(tmp_path / "validation", {"a": 2, "b": 1, "c": 9})
    return read(tmp_path / "train"), read(tmp_path / "validation")


def read(folder: Path) -> CaseDataset:
    return CaseDataset(list_cases(folder)[1], Compose([ReadCase(2, 3, 1), NormaliseCase()]))


def test_leaks_are_told_in_one_line(
    sides: tuple[CaseDataset, CaseDataset], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert leaked_pairs(*sides) == [("a", "c"), ("b", "b")]
    assert tell_leaks(*sides, tmp_path) == {"validation_cases": 2, "pairs": [["a", "c"], ["b", "b"]]}
    (line,) = caplog.messages
    assert line.startswith("2 of 3 validation cases have near duplicates among the training cases, a (of c) first")
    assert f"monaiseg data split {tmp_path} --by near_duplicates" in line


def test_nothing_is_told_where_nothing_leaks(
    sides: tuple[CaseDataset, CaseDataset], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(tmp_path / "validation")
    write(tmp_path / "validation", {"a": 11, "b": 12, "twin": 11})
    assert tell_leaks(sides[0], read(tmp_path / "validation"), tmp_path) == {"validation_cases": 0, "pairs": []}
    assert caplog.messages == []


def test_looks_are_kept_once_and_batches_have_none(sides: tuple[CaseDataset, CaseDataset]) -> None:
    train, validation = sides
    assert train.looks is not None and train.looks.shape == (5, 1, 32, 32, 3)
    assert not np.array_equal(train.looks[0], train.looks[1])
    assert all("look" not in batch for batch in evaluation_loader(validation))


def test_reading_without_looks_is_no_error(sides: tuple[CaseDataset, CaseDataset], tmp_path: Path) -> None:
    other = CaseDataset(list_cases(tmp_path / "train")[1], Compose([Lambda(dict)]))
    assert other.looks is None
    assert leaked_pairs(other, sides[1]) == []


def test_kvasirs_own_split_leaks(real_data: Real) -> None:
    split = load_cases(str(real_data("kvasir-seg")))
    steps = Compose([ReadCase(2, 3, 1)])
    pairs = leaked_pairs(CaseDataset(split.train, steps), CaseDataset(split.validation, steps))
    assert set(pairs) == {("67", "796"), ("75", "448"), ("75", "515"), ("87", "42")}


def test_a_random_split_of_cvc_leaks(real_data: Real, tmp_path: Path) -> None:
    (tmp_path / "images").symlink_to(real_data("cvc-clinicdb/PNG/Original"))
    shutil.copytree(real_data("cvc-clinicdb/PNG/Ground Truth"), tmp_path / "masks")
    for mask in (tmp_path / "masks").iterdir():
        Image.open(mask).convert("L").point([255 * (value > 127) for value in range(256)]).save(mask)
    split = load_cases(str(tmp_path))
    steps = Compose([ReadCase(2, 3, 1)])
    told = tell_leaks(CaseDataset(split.train, steps), CaseDataset(split.validation, steps), tmp_path)
    assert told["validation_cases"] >= len(split.validation) / 2


def test_what_is_alike_is_one_group(tmp_path: Path) -> None:
    """For intervals: c shows what a shows; b stands alone, and so does each where there are no looks."""
    write(tmp_path, {"a": 1, "b": 2, "c": 1})
    cases = list_cases(tmp_path)[1]
    assert alike_groups(CaseDataset(cases, ReadCase(2, 3, 1))) == {"a": "a", "b": "b", "c": "a"}
    for case in cases[:2]:
        case["group"] = "video"
    assert len(set(alike_groups(CaseDataset(cases, ReadCase(2, 3, 1))).values())) == 1, (
        "a group, and a copy of one of it"
    )
    blind = CaseDataset(
        cases[1:],
        Compose([ReadCase(2, 3, 1), Lambda(lambda item: {key: value for key, value in item.items() if key != "look"})]),
    )
    assert len(set(alike_groups(blind).values())) == 2
