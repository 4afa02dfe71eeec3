"""What a training is given: crops whose labels follow their images, drawn and normalised as they should be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from batches import ROI, equal, make
from monai.transforms import Compose, RandFlipd
from PIL import Image

from monaiseg.data import (
    NormaliseCase,
    ReadCase,
    TrainingDataset,
    build_augmentation,
    list_cases,
    training_loader,
)
from monaiseg.data.augment import Levels
from monaiseg.errors import ConfigError

Write = Callable[..., Path]
KEYS = ("image", "label")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_pairs: Write) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"), 6)


@pytest.fixture(scope="module")
def dataset(folder: Path) -> TrainingDataset:
    return make(folder)


def test_an_item_depends_on_seed_epoch_and_index(dataset: TrainingDataset, folder: Path) -> None:
    item = dataset[(2, 3)]
    assert item["id"] == "case_03"
    assert equal(dataset[(2, 3)], item) and equal(dataset[(0, 3)], dataset[3])
    assert not torch.equal(dataset[(3, 3)]["image"], item["image"])
    assert not torch.equal(make(folder, seed=5)[(2, 3)]["image"], item["image"])


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


def test_without_augmentation_a_crop_is_its_normalised_case(folder: Path) -> None:
    dataset = make(folder, roi=(64, 48), augment="none")
    for index in range(6):
        whole = NormaliseCase()(dataset.prepared(index))
        item = dataset[(4, index)]
        assert torch.allclose(item["image"], whole["image"], atol=1e-5)
        assert torch.equal(item["label"], whole["label"])


@pytest.mark.parametrize(
    "augment", ["light", "polyp", "nuclei", [{"name": "hsv", "p": 1.0}], [{"name": "gamma", "p": 1}]]
)
def test_the_one_pass_is_the_augmentation_and_then_the_normalisation(folder: Path, augment: Any) -> None:
    """Written out: to 0..1, changed, and only then shifted and scaled by the whole case's statistics."""
    dataset = make(folder, roi=(32, 40), augment=augment)
    for epoch in range(12):
        keys = [(epoch, index) for index in (3, 0, 5)]
        raw = dataset.__getitems__(keys)
        finished = dataset.finish(dataset.__getitems__(keys))
        for case, (box, label_box) in enumerate(zip(raw["image"].tensors(), raw["label"].tensors(), strict=True)):
            assert box.dtype == torch.uint8
            levels = Levels(raw["mean"][[case]] / 255, raw["std"][[case]] / 255, bounded=True)
            image, label = dataset.augmentation.apply(box[None] / 255, label_box[None], [raw["draws"][case]], levels)
            mean, std = (torch.as_tensor(part).float()[..., None, None] for part in (levels.mean, levels.std))
            assert torch.allclose(finished["image"][[case]], (image - mean) / std, atol=2e-5)
            assert label is not None and torch.equal(finished["label"][[case]], label)


@pytest.mark.parametrize("augment", ["none", "light", "polyp", [{"name": "gamma", "p": 1}], ["gaussian_noise", "grey"]])
def test_an_8_bit_case_is_the_same_beside_one_of_16_bits(tmp_path: Path, augment: Any) -> None:
    rng = np.random.default_rng(0)
    for sub in ("images", "masks"):
        (tmp_path / sub).mkdir()
    for number in range(4):
        pixels = rng.integers(0, 255, (32, 32), np.uint8)
        wide = pixels.astype(np.uint16) * 257 if number % 2 else pixels
        Image.fromarray(wide).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(((pixels > 120) * 255).astype(np.uint8)).save(tmp_path / "masks" / f"{number}.png")
    dataset = make(tmp_path, augment=augment)
    assert [dataset.prepared(index)["image"].dtype == torch.uint8 for index in range(4)] == [True, False] * 2
    for epoch in range(10):
        batch = dataset.finish(dataset.__getitems__([(epoch, index) for index in range(4)]))
        for index in range(4):
            alone = dataset[(epoch, index)]
            assert torch.equal(batch["image"][index], alone["image"])
            assert torch.equal(batch["label"][index], alone["label"])


CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=CUDA)])
@pytest.mark.parametrize("augment", ["none", "light", "polyp"])
def test_no_bit_of_a_finished_case_depends_on_its_batch(folder: Path, augment: Any, device: str) -> None:
    dataset = make(folder, augment=augment)
    for epoch in range(8):
        keys = [(epoch, index) for index in (4, 1, 2, 5)]
        batches = [dataset.finish(dataset.__getitems__(part), device) for part in (keys, keys[:1], keys[1:])]
        assert batches[0]["image"].device.type == batches[0]["label"].device.type == device
        for key in KEYS:
            assert torch.equal(batches[0][key], torch.cat([batches[1][key], batches[2][key]]))


@CUDA
@pytest.mark.parametrize("augment", ["none", "light", ["flip", {"name": "shift_scale_rotate", "p": 1}, "gamma", "hsv"]])
def test_a_cuda_device_finishes_as_the_processor_does(folder: Path, augment: Any) -> None:
    dataset = make(folder, augment=augment)
    for epoch in range(4):
        keys = [(epoch, index) for index in range(4)]
        here, there = (dataset.finish(dataset.__getitems__(keys), device) for device in ("cpu", "cuda"))
        assert torch.allclose(here["image"], there["image"].cpu(), atol=2e-3)
        assert (here["label"] != there["label"].cpu()).float().mean() < 0.01, "but for ties of the nearest pixel"


@CUDA
@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_finishes_on_a_cuda_device(folder: Path, workers: int) -> None:
    dataset = make(folder, augment="polyp")
    batches = list(training_loader(dataset, 2, workers, 0, "cuda"))
    assert all(batch["image"].is_cuda and batch["label"].is_cuda for batch in batches)
    again = list(training_loader(dataset, 3, 0, 0, "cuda"))
    first, second = (
        {name: image for batch in some for name, image in zip(batch["id"], batch["image"])} for some in (batches, again)
    )
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_cases_that_end_at_several_sizes_are_told(tmp_path: Path, write_pairs: Write) -> None:
    for count, size in ((2, (20, 30)), (1, (50, 10))):
        write_pairs(tmp_path, count, size)
    dataset = TrainingDataset(list_cases(tmp_path)[1], ReadCase(2, 3, 1), build_augmentation("none", 2, 3))
    with pytest.raises(ConfigError, match=r"sizes \[\(20, 30\), \(50, 10\)\]; crop all to one"):
        dataset.finish(dataset.__getitems__([0, 1]))


def test_a_case_does_not_depend_on_its_batch(folder: Path) -> None:
    dataset = make(folder, augment="polyp")
    for epoch in range(6):
        batch = dataset.finish(dataset.__getitems__([(epoch, index) for index in (4, 1, 2)]))
        for place, index in enumerate((4, 1, 2)):
            alone = dataset[(epoch, index)]
            assert alone["id"] == batch["id"][place]
            assert torch.equal(alone["image"], batch["image"][place])
            assert torch.equal(alone["label"], batch["label"][place])


def test_what_is_kept_is_never_written_to(folder: Path) -> None:
    dataset = make(folder, roi=(64, 48), augment="polyp")
    before = [{key: value.clone() for key, value in dataset.prepared(i).items() if key in KEYS} for i in range(6)]
    for epoch in range(5):
        dataset.finish(dataset.__getitems__([(epoch, index) for index in range(6)]))
    assert equal([{key: dataset.prepared(i)[key] for key in KEYS} for i in range(6)], before)


def test_volumes_are_not_bounded() -> None:
    """Intensities of volumes have no largest value, and a channel without contrast becomes 0."""
    values = torch.stack([torch.arange(512.0).reshape(8, 8, 8) * 3 - 700, torch.full((8, 8, 8), 40.0)])

    def read(case: Any) -> Any:
        label = (values[:1] > 0).byte()
        return {
            "image": values,
            "label": label,
            "mean": values.mean((1, 2, 3)),
            "std": values.std((1, 2, 3)),
            "id": "a",
        }

    augmentation = build_augmentation([{"name": "brightness_contrast", "p": 1, "contrast": 2.0, "brightness": 0}], 3, 2)
    item = TrainingDataset([{"id": "a"}], read, augmentation)[0]  # type: ignore[list-item]
    expected = 2 * (values[0] - values[0].mean()) / values[0].std()
    assert torch.allclose(item["image"][0], expected, atol=1e-4)
    assert item["image"][1].abs().max() < 1e-5


def test_random_transforms_are_refused_not_left_out(folder: Path) -> None:
    steps = Compose([ReadCase(2, 3, 1), RandFlipd("image", prob=1.0)])
    with pytest.raises(ConfigError, match="does not do RandFlipd; take a CaseDataset"):
        TrainingDataset(list_cases(folder)[1], steps, build_augmentation("none", 2, 3, ROI))
