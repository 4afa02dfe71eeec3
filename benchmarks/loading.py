"""What it costs to get batches: ours beside MONAI's CacheDataset and albumentations, from the same files.

    python -m benchmarks --only loading

Milliseconds a picture with its mask: 192 RGB pictures of 288x288 as PNG, of which crops of 256x256 are flipped, turned,
changed in brightness and contrast, normalised and put together in batches of 16. Filling caches is not counted; an
epoch has twelve batches, so that memory which the system takes back at its end counts little. On another device than
the processor, batches of the others are copied there. albumentations is left out where it, or OpenCV, is not installed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import monai.transforms as mt
import numpy as np
import torch
from monai.data import CacheDataset, DataLoader
from PIL import Image

from benchmarks.rows import Options, Row
from benchmarks.timing import take_turns
from monaiseg.data import ReadCase, TrainingDataset, build_augmentation, list_cases, training_loader

COUNT, SIDE, CROP, BATCH = 192, 288, 256, 16
KEYS = ("image", "label")
LIGHT = [
    {"name": "flip", "p": 0.5},
    {"name": "rot90", "p": 0.75},
    {"name": "brightness_contrast", "p": 1.0, "brightness": [-0.2, 0.2], "contrast": [0.8, 1.2]},
]
Epoch = Callable[[int], Iterable[Any]]


def write_files(folder: Path, count: int = COUNT) -> None:
    """Write pictures as smooth as photographs are, with masks."""
    rng = np.random.default_rng(0)
    for sub in ("images", "masks"):
        (folder / sub).mkdir()
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 255, (18, 18, 3), np.uint8)).resize(
            (SIDE, SIDE), Image.Resampling.BICUBIC
        )
        pixels = np.asarray(coarse).astype(int) + rng.integers(-4, 5, (SIDE, SIDE, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "images" / f"{number}.png")
        Image.fromarray(((pixels[..., 0] > 128) * 255).astype(np.uint8)).save(folder / "masks" / f"{number}.png")


def ours(folder: Path, augment: Any = LIGHT, device: str = "cpu") -> Epoch:
    augmentation = build_augmentation(augment, 2, 3, crop=(CROP, CROP))
    dataset = TrainingDataset(list_cases(folder)[1], ReadCase(2, 3, 1), augmentation)
    loader = training_loader(dataset, BATCH, num_workers=0, seed=0, device=device)

    def epoch(number: int) -> Iterable[Any]:
        loader.sampler.set_epoch(number)
        return loader

    return epoch


def of_monai(folder: Path, tracked: bool) -> Epoch:
    """MONAI's as its tutorials have it; `tracked=False`: at its best, with plain tensors in the cache."""
    files = [{"image": case["image"], "label": case["label"][0]} for case in list_cases(folder)[1]]
    steps = [
        mt.LoadImaged(KEYS),
        mt.EnsureChannelFirstd(KEYS),
        *([] if tracked else [mt.EnsureTyped(KEYS, track_meta=False)]),
        mt.RandSpatialCropd(KEYS, (CROP, CROP), random_size=False),
        mt.RandFlipd(KEYS, 0.5, 0),
        mt.RandFlipd(KEYS, 0.5, 1),
        mt.RandRotate90d(KEYS, 0.75),
        mt.RandScaleIntensityd("image", 0.2, 1),
        mt.RandShiftIntensityd("image", 0.2, prob=1),
        mt.NormalizeIntensityd("image", channel_wise=True),
    ]
    loader = DataLoader(CacheDataset(files, mt.Compose(steps), progress=False), batch_size=BATCH, shuffle=True)
    return lambda number: loader


class OfAlbumentations(torch.utils.data.Dataset[Any]):
    """As is usual: a picture is decoded each time; `in_memory`: once."""

    def __init__(self, folder: Path, in_memory: bool) -> None:
        import albumentations as albu
        import cv2

        self.paths = [(case["image"], case["label"][0]) for case in list_cases(folder)[1]]
        self.read = lambda paths: (cv2.imread(paths[0])[..., ::-1], cv2.imread(paths[1], cv2.IMREAD_GRAYSCALE))
        self.kept = [tuple(map(np.ascontiguousarray, self.read(paths))) for paths in self.paths] if in_memory else None
        self.changes = albu.Compose(
            [
                albu.RandomCrop(CROP, CROP),
                albu.HorizontalFlip(p=0.5),
                albu.VerticalFlip(p=0.5),
                albu.RandomRotate90(p=0.75),
                albu.RandomBrightnessContrast(p=1),
                albu.Normalize(),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        image, mask = self.read(self.paths[index]) if self.kept is None else self.kept[index]
        changed = self.changes(image=image, mask=mask)
        return np.ascontiguousarray(changed["image"].transpose(2, 0, 1)), changed["mask"][None]


def of_albumentations(folder: Path, in_memory: bool) -> Epoch:
    loader = torch.utils.data.DataLoader(OfAlbumentations(folder, in_memory), batch_size=BATCH, shuffle=True)
    return lambda number: loader


def make_sides(folder: Path, device: str) -> dict[str, Epoch]:
    sides = {
        "monaiseg": ours(folder, device=device),
        "MONAI CacheDataset": of_monai(folder, tracked=True),
        "MONAI CacheDataset, plain tensors": of_monai(folder, tracked=False),
    }
    try:
        sides["albumentations, decoding"] = of_albumentations(folder, in_memory=False)
        sides["albumentations, decoded in memory"] = of_albumentations(folder, in_memory=True)
    except ImportError:
        pass
    return sides | {"monaiseg, preset polyp": ours(folder, "polyp", device)}


def measure(options: Options) -> Iterator[Row]:
    """Give a row for each other loader, at the same pictures and changes of them."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        sides = make_sides(Path(folder), options.device)
        works = {name: partial(_whole_epoch, epoch, options.device) for name, epoch in sides.items()}
        times = take_turns(works, options.rounds, options.device)
    own = "monaiseg"
    for name in works:
        if name != own:
            ms = 1000 * times.median(own) / COUNT
            yield Row("loading", "batches of pictures", name, "a picture", "float32", ms, times.ratio(name, own))


def _whole_epoch(epoch: Epoch, device: str) -> None:
    for batch in epoch(0):
        image, label, *_ = batch.values() if isinstance(batch, dict) else batch
        image.to(device, non_blocking=True), label.to(device, non_blocking=True)
