"""Data sets: cases are read once, kept as they came, and named when they cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import Compose, EnsureTyped, Lambda, RandGaussianNoised, RandSpatialCropd
from PIL import Image

from monaiseg.data import CaseDataset, NormaliseCase, ReadCase, list_cases, training_loader
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
    assert item.keys() == {"image", "label", "mean", "std", "id", "size"}


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
