"""Data sets and loaders: what a batch holds depends on the seed, the epoch and the case alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, EnsureTyped, Lambda, RandSpatialCropd
from PIL import Image

from monaiseg.data import (
    CaseDataset,
    NormaliseCase,
    ReadCase,
    augmentation,
    evaluation_loader,
    find_cases,
    list_cases,
    training_loader,
)
from monaiseg.errors import ConfigError, DataError, cause_of

Write = Callable[..., Path]
KEYS = ("image", "label")
ROI = (24, 24)


def make(folder: Path, seed: int = 0, roi: Sequence[int] = ROI, preset: str = "light") -> CaseDataset:
    """What the bundles train on."""
    steps = [
        ReadCase(2, 3, 1),
        RandSpatialCropd(KEYS, roi_size=roi, random_size=False),
        NormaliseCase(),
        augmentation(preset, roi),
        EnsureTyped(KEYS, track_meta=False),
    ]
    return CaseDataset(list_cases(folder)[1], Compose(steps), seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_pairs: Write) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"), 6)


@pytest.fixture(scope="module")
def dataset(folder: Path) -> CaseDataset:
    return make(folder)


def epochs(dataset: CaseDataset, numbers: Sequence[int], workers: int = 0, seed: int = 0) -> list[list[dict[str, Any]]]:
    """The batches of some epochs from one loader."""
    loader = training_loader(dataset, 2, workers, seed)
    given = []
    for number in numbers:
        loader.sampler.set_epoch(number)
        given.append(list(loader))
    return given


def equal(first: Any, second: Any) -> bool:
    """Whether two nests of batches are equal bit for bit."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_do_not_depend_on_the_workers(dataset: CaseDataset, workers: int) -> None:
    assert equal(epochs(dataset, (0, 1), workers), epochs(dataset, (0, 1)))


def test_epochs_and_seeds_differ_and_nothing_else_matters(dataset: CaseDataset, folder: Path) -> None:
    first, second = epochs(dataset, (0, 1))
    assert not equal(first, second)
    assert [b["id"] for b in first] != [b["id"] for b in second], "the order must differ too"
    torch.manual_seed(99)
    np.random.seed(99)
    assert equal(epochs(dataset, (1,)), [second]), "an epoch must not depend on those before it or on global seeds"
    assert equal(epochs(make(folder), (0,)), [first])
    assert not equal(epochs(make(folder, seed=1), (0,), seed=1), [first])


def test_an_item_depends_on_seed_epoch_and_index(dataset: CaseDataset, folder: Path) -> None:
    item = dataset[(2, 3)]
    assert item["id"] == "case_03"
    assert equal(dataset[(2, 3)], item) and equal(dataset[(0, 3)], dataset[3])
    assert not torch.equal(dataset[(3, 3)]["image"], item["image"])
    assert not torch.equal(make(folder, seed=5)[(2, 3)]["image"], item["image"])


def test_every_case_comes_once_an_epoch(dataset: CaseDataset) -> None:
    for batches in epochs(dataset, (0, 1)):
        assert sorted(name for batch in batches for name in batch["id"]) == [f"case_{n:02d}" for n in range(6)]


def test_image_and_label_move_together(tmp_path: Path) -> None:
    """The image is its own label, bright on black: wherever it is brighter than its middle there must be label."""
    mask = np.zeros((40, 30), np.uint8)
    mask[3:20, 5:9] = mask[22:37, 11:26] = 255
    for sub in ("images", "masks"):
        (tmp_path / sub).mkdir()
        Image.fromarray(mask).save(tmp_path / sub / "a.png")
    dataset = make(tmp_path)
    seen = set()
    for epoch in range(60):
        item = dataset[(epoch, 0)]
        image, label = item["image"], item["label"]
        assert image.shape == (3, *ROI) and label.shape == (1, *ROI)
        assert set(label.unique().tolist()) == {0, 1}, "the crop must hold both"
        assert torch.equal(image > (image.min() + image.max()) / 2, (label > 0).expand(3, -1, -1))
        seen.add(label.numpy().tobytes())
    assert len(seen) > 40


def test_every_flip_and_turn_occurs(tmp_path: Path, write_pairs: Write) -> None:
    """A crop as large as the image leaves the eight symmetries of the square, and brightness and contrast."""
    dataset = make(write_pairs(tmp_path, 1, ROI))
    items = [dataset[(epoch, 0)] for epoch in range(120)]
    assert len({item["label"].numpy().tobytes() for item in items}) == 8
    assert len({round(item["image"].std().item(), 4) for item in items}) > 20
    assert len({round(item["image"].mean().item(), 4) for item in items}) > 20


def test_batches_hold_plain_tensors(dataset: CaseDataset) -> None:
    for batch in epochs(dataset, (0,))[0]:
        assert {"image", "label", "id"} <= batch.keys() and not {"mean", "std"} & batch.keys()
        for key, kind in (("image", torch.float32), ("label", torch.uint8)):
            assert type(batch[key]) is torch.Tensor and not isinstance(batch[key], MetaTensor)
            assert batch[key].dtype == kind and batch[key].shape == (2, 3 if key == "image" else 1, *ROI)


@pytest.mark.parametrize("preset", ["none", "light"])
def test_the_cache_stays_small_and_as_it_was_read(folder: Path, preset: str) -> None:
    dataset = make(folder, roi=(64, 48), preset=preset)
    before = [item["image"].clone() for item in dataset._cache]
    assert all(image.dtype == torch.uint8 and image.shape == (3, 64, 48) for image in before)
    epochs(dataset, (0, 1))
    assert equal([item["image"] for item in dataset._cache], before)
    expected = np.asarray(Image.open(folder / "images" / "case_00.png")).transpose(2, 0, 1)
    assert np.array_equal(before[0].numpy(), expected)


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(DataError, match="the data set is empty"):
        CaseDataset([], Compose([ReadCase(2, 3, 1)]))


@pytest.mark.parametrize("workers", [-1, "2", True, 1.5, None])
def test_wrong_numbers_of_workers(dataset: CaseDataset, workers: Any) -> None:
    with pytest.raises(ConfigError, match=f"num_workers is {workers!r}; it must be a whole number from 0"):
        training_loader(dataset, 2, workers, 0)


@pytest.mark.parametrize(("batch_size", "sizes"), [(2, [2, 2, 2]), (4, [4]), (6, [6]), (50, [6])])
def test_batches_are_full_and_never_none(dataset: CaseDataset, batch_size: int, sizes: list[int]) -> None:
    assert [len(batch["id"]) for batch in training_loader(dataset, batch_size, 0, 0)] == sizes


def test_a_damaged_file_raises_our_error_itself(tmp_path: Path, write_pairs: Write) -> None:
    write_pairs(tmp_path, 4)
    damaged = tmp_path / "masks" / "case_02.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    with pytest.raises(DataError) as raised:
        make(tmp_path)
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
