"""An epoch of pytorch-nested-unet's recipe for DSB2018, by us and as its own loader and loop are written.

Its recipe: nuclei at 96x96, UNet++, batches of 16, BCE + Dice, SGD; each picture is decoded by OpenCV and changed by
albumentations in every epoch; after each batch the IoU is taken from the logits. The extra `bench` has
albumentations.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.engine import beside, build_recipe
from benchmarks.loading import write_files
from benchmarks.pairs import NESTED, NESTED_UNET_NAME, WIDTHS, nested
from benchmarks.rows import Options, Row
from benchmarks.timing import Work
from monaiseg.cli import main as monaiseg
from monaiseg.data import list_cases

SIDE, BATCH, COUNT = 96, 16, 128
RECIPE = {
    "arch": "unetpp",
    "arch_options": {**NESTED, "features": WIDTHS},
    "deep_supervision": False,
    "image_size": "none",
    "roi_size": SIDE,
    "batch_size": BATCH,
    "optimizer": "SGD",
    "optimizer_options": {"momentum": 0.9, "weight_decay": 1e-4},
    "lr": 1e-3,
    "scheduler": "cosine",
}


def measure(options: Options) -> Iterator[Row]:
    """Give a row in equal precision, and one with our defaults; none where albumentations is not installed."""
    if not all(map(find_spec, ("albumentations", "cv2"))):
        print("epoch: left out, as albumentations is not installed; pip install monaiseg[bench]", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        data = _pictures(folder, options)
        pictures = f"{COUNT} pictures of {'DSB2018' if options.data else 'nuclei'}"
        for name, amp in (("float32", False), ("as by default", "auto")):
            keys = {"data_root": str(data), "output_dir": str(folder / name), "device": options.device, "amp": amp}
            rounds = max(2, options.rounds // 2)
            recipe = build_recipe("unetpp", RECIPE | keys, rounds)
            count = BATCH * len(recipe.get_parsed_content("train::dataloader"))
            times = beside(recipe, {"other": theirs(data, count, options.device)}, rounds)
            ms, ratio = 1000 * times.median("engine"), times.ratio("other", "engine")
            yield Row("epoch", pictures, NESTED_UNET_NAME, "an epoch", name, ms, ratio)


def _pictures(folder: Path, options: Options) -> Path:
    """Return a folder of `COUNT` small pictures with masks: of DSB2018, or generated."""
    source = folder / "source"
    if options.data is None:
        source.mkdir()
        write_files(source, COUNT)
    small = folder / "small"
    if monaiseg(
        ["data", "convert", options.data or str(source), str(small), "--to", "images_masks", "--size", "96", "96"]
    ):
        raise RuntimeError(f"{options.data or source} was not converted")
    for case in list_cases(small)[1][COUNT:]:
        for path in (case["image"], *case["label"]):
            Path(path).unlink()
    return small


class Pictures(torch.utils.data.Dataset[Any]):
    """Decoded and changed each time they are asked for."""

    def __init__(self, folder: Path, count: int) -> None:
        import albumentations as albu

        self.paths = [(str(case["image"]), str(case["label"][0])) for case in list_cases(folder)[1][:count]]
        colours = [albu.HueSaturationValue(), albu.RandomBrightnessContrast()]
        changes = [albu.RandomRotate90(), albu.HorizontalFlip(), albu.OneOf(colours, p=1), albu.Resize(SIDE, SIDE)]
        self.change = albu.Compose([*changes, albu.Normalize()])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        import cv2

        image, mask = self.paths[index]
        changed = self.change(image=cv2.imread(image), mask=cv2.imread(mask, cv2.IMREAD_GRAYSCALE)[..., None])
        pixels, label = (changed[key].astype("float32").transpose(2, 0, 1) for key in ("image", "mask"))
        return pixels, label / 255


def bce_dice(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Return half the BCE and the Dice loss, with the Dice of each image."""
    bce = nn.functional.binary_cross_entropy_with_logits(logits, label)
    found, wanted = logits.sigmoid().flatten(1), label.flatten(1)
    dice = (2 * (found * wanted).sum(1) + 1e-5) / (found.sum(1) + wanted.sum(1) + 1e-5)
    return 0.5 * bce + 1 - dice.mean()


def iou(logits: torch.Tensor, label: torch.Tensor) -> float:
    """Return the IoU of a batch, on the processor."""
    found, wanted = (torch.sigmoid(logits).detach().cpu().numpy() > 0.5, label.cpu().numpy() > 0.5)
    return float(((found & wanted).sum() + 1e-5) / ((found | wanted).sum() + 1e-5))


def theirs(folder: Path, count: int, device: str) -> Work:
    """Return an epoch of as many pictures, as it is usually written."""
    train = Pictures(folder, count)
    loader = torch.utils.data.DataLoader(train, batch_size=BATCH, shuffle=True, drop_last=True)
    network = nested()[1].to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)

    def epoch() -> None:
        network.train()
        scores: list[tuple[float, float]] = []
        for batch in loader:
            image, label = (part.to(device) for part in batch)
            output = network(image)
            logits = output[-1] if isinstance(output, list) else output
            loss = bce_dice(logits, label)
            scores.append((loss.item(), iou(logits, label)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        np.mean(scores, axis=0)

    return epoch
