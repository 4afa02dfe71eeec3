"""Data sets: cases are read once, kept as they came, and named when they cannot be read."""

from __future__ import annotations

import pickle
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import (
    Compose,
    EnsureTyped,
    Lambda,
    MapTransform,
    OneOf,
    RandCoarseDropoutd,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandGaussianNoised,
    RandomizableTrait,
    RandSpatialCropd,
    RandSpatialCropSamplesd,
)
from PIL import Image

from monaiseg.data import CaseDataset, NormaliseCase, ReadCase, list_cases, training_loader
from monaiseg.data.ahead import AHEAD
from monaiseg.data.datasets import split_transform
from monaiseg.data.store import ArrayStore
from monaiseg.errors import DataError, cause_of

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_pairs: Write) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"), 6)


def test_cases_are_kept_as_they_were_read(folder: Path) -> None:
    dataset = CaseDataset(list_cases(folder)[1], Compose([ReadCase(2, 3, 1), NormaliseCase()]))
    expected = np.asarray(Image.open(folder / "images" / "case_00.png")).transpose(2, 0, 1)
    assert dataset.prepared(0)["image"].dtype == torch.uint8
    assert np.array_equal(dataset.prepared(0)["image"].numpy(), expected)
    for _ in range(2):
        assert dataset[0]["image"].dtype == torch.float32
    assert np.array_equal(dataset.prepared(0)["image"].numpy(), expected), "normalising must not write to what is kept"


def test_what_memory_does_not_hold_is_in_a_file_and_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_memory = CaseDataset(list_cases(folder)[1], ReadCase(2, 3, 1))
    assert "temporary file" not in capsys.readouterr().out
    monkeypatch.setattr("monaiseg.data.datasets.ArrayStore", partial(ArrayStore, in_memory=1000))
    in_file = CaseDataset(list_cases(folder)[1], ReadCase(2, 3, 1), folder=tmp_path / "runs")
    assert f"data: 0 MiB decoded, in a temporary file in {tmp_path}\n" in capsys.readouterr().out
    for index in range(6):
        assert torch.equal(in_file[index]["image"], in_memory[index]["image"])
        assert torch.equal(in_file[index]["label"], in_memory[index]["label"])


def test_only_what_is_small_stays_outside_the_store(folder: Path) -> None:
    dataset = CaseDataset(list_cases(folder)[1], ReadCase(2, 3, 1))
    assert dataset.store.nbytes == 6 * (3 + 1) * 64 * 48, "bytes, not floats"
    assert dataset.looks is not None and dataset.looks.shape == (6, 1, 32, 32, 3)
    item = dataset[0]
    assert item.keys() == {"image", "label", "mean", "std", "id", "size", "spacing"}


def test_monais_random_transforms_start_from_seed_epoch_and_index(folder: Path) -> None:
    """The way to train with any of MONAI's transforms instead of `TrainingDataset`."""
    crop = RandSpatialCropd(("image", "label"), roi_size=(24, 24), random_size=False)
    steps = Compose(
        [NormaliseCase(), crop, RandGaussianNoised("image", prob=0.5), EnsureTyped("image", track_meta=False)]
    )
    dataset = CaseDataset(list_cases(folder)[1], Compose([ReadCase(2, 3, 1), steps]), seed=3)
    again = CaseDataset(list_cases(folder)[1], Compose([ReadCase(2, 3, 1), steps]), seed=3)
    images = [dataset[(epoch, 1)]["image"] for epoch in range(4)]
    assert all(torch.equal(again[(epoch, 1)]["image"], images[epoch]) for epoch in (3, 1, 2, 0))
    assert all(not torch.equal(images[0], other) for other in images[1:])
    batches = list(training_loader(dataset, 2, 0, 0))
    assert [batch["image"].shape for batch in batches] == [(2, 3, 24, 24)] * 3
    assert all(type(batch["image"]) is torch.Tensor for batch in batches)


KEYS = ("image", "label")


def test_transforms_that_write_in_place_do_not_write_to_what_is_kept(folder: Path) -> None:
    dropout = RandCoarseDropoutd(KEYS, holes=3, spatial_size=8, prob=1, fill_value=0)
    for steps in ([dropout], [NormaliseCase(), dropout]):
        dataset = CaseDataset(list_cases(folder)[1], Compose([ReadCase(2, 3, 1), *steps]))
        before = {key: dataset.prepared(0)[key].clone() for key in KEYS}
        first = [dataset[(epoch, 0)]["label"] for epoch in range(4)]
        assert all(torch.equal(dataset.prepared(0)[key], before[key]) for key in KEYS)
        assert all(torch.equal(dataset[(epoch, 0)]["label"], first[epoch]) for epoch in range(4))


@pytest.mark.parametrize(
    "crops",
    [
        RandCropByPosNegLabeld(KEYS, "label", (24, 24), num_samples=1),
        RandCropByPosNegLabeld(KEYS, "label", (24, 24), num_samples=3),
        RandSpatialCropSamplesd(KEYS, (24, 24), num_samples=2, random_size=False),
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_several_crops_of_a_case_make_a_larger_batch(folder: Path, crops: Any, workers: int) -> None:
    flip = RandFlipd(KEYS, prob=0.5)
    plain = EnsureTyped(KEYS, track_meta=False)
    dataset = CaseDataset(list_cases(folder)[1], Compose([ReadCase(2, 3, 1), NormaliseCase(), crops, flip, plain]))
    batches = list(training_loader(dataset, 2, workers, 0))
    samples = 2 * crops.cropper.num_samples
    assert [batch["image"].shape for batch in batches] == [(samples, 3, 24, 24)] * 3
    assert [batch["label"].shape for batch in batches] == [(samples, 1, 24, 24)] * 3
    assert [len(batch["id"]) for batch in batches] == [samples] * 3


class Global(MapTransform, RandomizableTrait):
    """As MONAI's RandTorchVisiond and RandTorchIOd: random, and without a generator of its own."""

    def __call__(self, data: Any) -> Any:
        drawn = torch.rand(1).item() + np.random.rand() + random.random()
        return {**data, "image": data["image"] + drawn}


@pytest.mark.parametrize("step", [Global(["image"]), OneOf([Global(["image"])]), Compose([Global(["image"])])])
def test_transforms_without_a_generator_of_their_own_start_from_seed_epoch_and_index(folder: Path, step: Any) -> None:
    def make() -> CaseDataset:
        return CaseDataset(list_cases(folder)[1], Compose([ReadCase(2, 3, 1), NormaliseCase(), step]), seed=3)

    dataset = make()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    drawn = [dataset[(epoch, 1)]["image"].mean().item() for epoch in range(3)]
    assert torch.equal(torch.rand(1), expected), "the global generators go on as if nothing had happened"
    assert len(set(drawn)) == 3
    again = make()
    assert [again[(epoch, 1)]["image"].mean().item() for epoch in (2, 0, 1)] == [drawn[2], drawn[0], drawn[1]]
    first = [next(iter(training_loader(make(), 2, workers, 0)))["image"] for workers in (0, 2)]
    assert torch.equal(*first)


def test_the_options_of_a_compose_are_kept() -> None:
    options = {"lazy": True, "map_items": False, "log_stats": "monai", "overrides": {"image": {"mode": "nearest"}}}
    steps = Compose([ReadCase(2, 3, 1), RandFlipd(KEYS, prob=1)], **options)
    for part, count in zip(split_transform(steps), (1, 1), strict=True):
        assert len(part.transforms) == count
        assert {name: getattr(part, name) for name in options} == options


def test_cases_are_not_read_far_ahead_of_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    read, most = [], []

    class Slow(ArrayStore):
        def add(self, array: Any) -> int:
            time.sleep(0.001)
            most.append(len(read) - len(self))
            return super().add(array)

    def read_one(case: Any) -> Any:
        read.append(case)
        return {"image": torch.zeros(3, 32, 32, dtype=torch.uint8), "id": case["id"]}

    monkeypatch.setattr("monaiseg.data.datasets.ArrayStore", Slow)
    dataset = CaseDataset([{"id": str(number)} for number in range(60)], read_one)  # type: ignore[list-item]
    assert [item["id"] for item in (dataset[index] for index in range(60))] == [str(number) for number in range(60)]
    assert max(most) <= AHEAD + 2


def test_a_data_set_in_memory_can_be_given_to_workers_that_are_not_forked(folder: Path) -> None:
    dataset = CaseDataset(list_cases(folder)[1], ReadCase(2, 3, 1))
    expected = dataset[2]["image"]
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[2]["image"], expected)


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(DataError, match="the data set is empty"):
        CaseDataset([], ReadCase(2, 3, 1))


def test_a_damaged_file_raises_our_error_itself(tmp_path: Path, write_pairs: Write) -> None:
    write_pairs(tmp_path, 4)
    damaged = tmp_path / "masks" / "case_02.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    with pytest.raises(DataError) as raised:
        CaseDataset(list_cases(tmp_path)[1], ReadCase(2, 3, 1))
    assert type(raised.value) is DataError and str(raised.value).startswith(f"{damaged}: cannot be read")
    assert isinstance(raised.value.__cause__, OSError), "what Pillow said must not be lost"


def test_another_error_is_not_its_own_cause(folder: Path) -> None:
    """An error that causes itself would keep whoever looks for the cause for ever."""

    def fail(item: Any) -> Any:
        raise ZeroDivisionError("a transform of the user's")

    with pytest.raises(RuntimeError) as raised:
        CaseDataset(list_cases(folder)[1], Compose([Lambda(fail)]))
    links: list[BaseException] = []
    link: BaseException | None = raised.value
    while link is not None:
        assert link not in links
        links.append(link)
        link = link.__cause__ or link.__context__
    assert isinstance(links[-1], ZeroDivisionError) and cause_of(raised.value) is raised.value
