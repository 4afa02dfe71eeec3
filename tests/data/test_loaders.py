"""Loaders: what a batch holds depends on the seed, the epoch and the case alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from batches import ROI, equal, make
from monai.data import MetaTensor
from monai.transforms import Compose, Lambda, RandLambda

from monaiseg.data import (
    CaseDataset,
    NormaliseCase,
    ReadCase,
    TrainingDataset,
    evaluation_loader,
    find_cases,
    list_cases,
    training_loader,
)
from monaiseg.errors import ConfigError, DataError, cause_of

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_pairs: Write) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"), 6)


@pytest.fixture(scope="module")
def dataset(folder: Path) -> TrainingDataset:
    return make(folder)


def epochs(
    dataset: TrainingDataset, numbers: Sequence[int], workers: int = 0, seed: int = 0
) -> list[list[dict[str, Any]]]:
    """The batches of some epochs from one loader."""
    loader = training_loader(dataset, 2, workers, seed)
    given = []
    for number in numbers:
        loader.sampler.set_epoch(number)
        given.append(list(loader))
    return given


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_do_not_depend_on_the_workers(dataset: TrainingDataset, workers: int) -> None:
    assert equal(epochs(dataset, (0, 1), workers), epochs(dataset, (0, 1)))


def test_epochs_and_seeds_differ_and_nothing_else_matters(dataset: TrainingDataset, folder: Path) -> None:
    first, second = epochs(dataset, (0, 1))
    assert not equal(first, second)
    assert [b["id"] for b in first] != [b["id"] for b in second], "the order must differ too"
    torch.manual_seed(99)
    np.random.seed(99)
    assert equal(epochs(dataset, (1,)), [second]), "an epoch must not depend on those before it or on global seeds"
    assert equal(epochs(make(folder), (0,)), [first])
    assert not equal(epochs(make(folder, seed=1), (0,), seed=1), [first])


def test_every_case_comes_once_an_epoch(dataset: TrainingDataset) -> None:
    for batches in epochs(dataset, (0, 1)):
        assert sorted(name for batch in batches for name in batch["id"]) == [f"case_{n:02d}" for n in range(6)]


def test_batches_hold_plain_tensors(dataset: TrainingDataset) -> None:
    for batch in epochs(dataset, (0,))[0]:
        assert {"image", "label", "id"} <= batch.keys() and not {"mean", "std"} & batch.keys()
        for key, kind in (("image", torch.float32), ("label", torch.uint8)):
            assert type(batch[key]) is torch.Tensor and not isinstance(batch[key], MetaTensor)
            assert batch[key].dtype == kind and batch[key].shape == (2, 3 if key == "image" else 1, *ROI)


@pytest.mark.parametrize("workers", [-1, "2", True, 1.5, None])
def test_wrong_numbers_of_workers(dataset: TrainingDataset, workers: Any) -> None:
    with pytest.raises(ConfigError, match=f"num_workers is {workers!r}; it must be a whole number from 0"):
        training_loader(dataset, 2, workers, 0)


def refuse(item: Any) -> Any:
    raise DataError("a.png: is not to be used; remove it", "unusable")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_a_worker_is_the_same_one_line(folder: Path, workers: int) -> None:
    too_large = make(folder, roi=(24, 65))
    refused = CaseDataset(list_cases(folder)[1], Compose([ReadCase(2, 3, 1), RandLambda(refuse), Lambda(refuse)]))
    for dataset, kind, message in (
        (too_large, ConfigError, "augment: crop.size is [24, 65], larger than what it is cut out of, [64, 48]"),
        (refused, DataError, "a.png: is not to be used; remove it"),
    ):
        with pytest.raises(Exception) as raised:  # noqa: PT011 (of torch's own kind in a worker)
            list(training_loader(dataset, 2, workers, 0))
        cause = cause_of(raised.value)
        assert type(cause) is kind and str(cause).startswith(message) and "\n" not in str(cause)


@pytest.mark.parametrize(("batch_size", "sizes"), [(2, [2, 2, 2]), (4, [4]), (6, [6]), (50, [6])])
def test_batches_are_full_and_never_none(dataset: TrainingDataset, batch_size: int, sizes: list[int]) -> None:
    assert [len(batch["id"]) for batch in training_loader(dataset, batch_size, 0, 0)] == sizes


def test_evaluation_gives_each_case_in_order_at_its_own_size(tmp_path: Path, write_pairs: Write) -> None:
    for count, size in ((3, (20, 30)), (1, (50, 10))):
        write_pairs(tmp_path, count, size)
    dataset = CaseDataset(list_cases(tmp_path)[1], Compose([ReadCase(2, 3, 1), NormaliseCase()]))
    batches = list(evaluation_loader(dataset))
    assert [batch["id"] for batch in batches] == [["case_00"], ["case_01"], ["case_02"]]
    assert [tuple(batch["image"].shape) for batch in batches] == [(1, 3, 50, 10), (1, 3, 20, 30), (1, 3, 20, 30)]
    assert all(type(batch["image"]) is torch.Tensor for batch in batches)


def test_images_without_labels(folder: Path) -> None:
    dataset = CaseDataset(find_cases(folder / "images"), Compose([ReadCase(2, 3, 1), NormaliseCase()]))
    batch = next(iter(evaluation_loader(dataset)))
    assert "label" not in batch and batch["size"].tolist() == [[64, 48]]
