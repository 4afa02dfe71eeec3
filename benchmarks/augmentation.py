"""What augmentation costs: each operation, and the preset polyp, beside MONAI's and albumentations' equivalents.

    python -m benchmarks.augmentation [--rounds 7] [--threads 1] [--device cpu]

Milliseconds of processor time a picture with its mask, in batches of 16 RGB pictures of 256x256; single operations are
done to every picture. The sides take turns in this process; printed are medians of the rounds. albumentations works on
bytes, as OpenCV is made for, and is left out where it is not installed, and on other devices than the processor, where
milliseconds are those of the clock; MONAI and monaiseg work on floats. The last row is the preset without what MONAI
lacks.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

import monai.transforms as mt
import numpy as np
import torch
from monai.data import set_track_meta
from rich.console import Console
from rich.progress import track
from rich.table import Table

from monaiseg.data.augment import PRESETS, Levels, build_augmentation

BATCH, SIDE = 16, 256
KEYS = ("image", "label")
WARP = {"mode": ("bilinear", "nearest"), "padding_mode": "reflection"}
Side = dict[str, list[Any]]

ROWS = {entry["name"]: entry for group in PRESETS["polyp"] for entry in group.get("of", [group])}


def of_monai() -> Side:
    return {
        "flip": [mt.RandFlipd(KEYS, 0.5, 0), mt.RandFlipd(KEYS, 0.5, 1)],
        "rot90": [mt.RandRotate90d(KEYS, 1)],
        "transpose": [mt.Compose([mt.Flipd(KEYS, 0), mt.Rotate90d(KEYS)])],
        "crop_resize": [mt.RandZoomd(KEYS, 1, 1.0, 1.12, mode=("bilinear", "nearest"))],
        "shift_scale_rotate": [mt.RandAffined(KEYS, None, 1, 0.8, None, 16, 0.1, **WARP)],
        "grid_distortion": [mt.RandGridDistortiond(KEYS, 5, 1, 0.3, **WARP)],
        "elastic": [mt.Rand2DElasticd(KEYS, (9, 9), (1, 3), prob=1, **WARP)],
        "brightness_contrast": [mt.RandScaleIntensityd("image", 0.2, 1), mt.RandShiftIntensityd("image", 0.1, prob=1)],
        "gamma": [mt.RandAdjustContrastd("image", 1, (0.7, 1.4))],
        "median_blur": [mt.MedianSmoothd("image", 1)],
        "gaussian_blur": [mt.RandGaussianSmoothd("image", (0.5, 1.5), (0.5, 1.5), prob=1)],
        "gaussian_noise": [mt.RandGaussianNoised("image", 1, 0, 0.05)],
        "coarse_dropout": [mt.RandCoarseDropoutd("image", 1, 28, fill_value=0, max_holes=8, prob=1)],
    }


def of_albumentations() -> Side:
    try:
        import albumentations as albu
        import cv2
    except ImportError:
        return {}
    border = cv2.BORDER_REFLECT_101
    return {
        "flip": [albu.HorizontalFlip(p=0.5), albu.VerticalFlip(p=0.5)],
        "rot90": [albu.RandomRotate90(p=1)],
        "transpose": [albu.Transpose(p=1)],
        "crop_resize": [albu.RandomResizedCrop((SIDE, SIDE), (0.8, 1.0), (1.0, 1.0), p=1)],
        "shift_scale_rotate": [albu.ShiftScaleRotate(0.0625, 0.1, 45, border_mode=border, p=1)],
        "grid_distortion": [albu.GridDistortion(5, 0.3, border_mode=border, p=1)],
        "elastic": [albu.ElasticTransform(120, 6, border_mode=border, p=1)],
        "brightness_contrast": [albu.RandomBrightnessContrast(p=1)],
        "gamma": [albu.RandomGamma(p=1)],
        "hsv": [albu.HueSaturationValue(p=1)],
        "rgb_shift": [albu.RGBShift(p=1)],
        "clahe": [albu.CLAHE(p=1)],
        "grey": [albu.ToGray(p=1)],
        "channel_shuffle": [albu.ChannelShuffle(p=1)],
        "blur": [albu.Blur((3, 7), p=1)],
        "motion_blur": [albu.MotionBlur((3, 7), p=1)],
        "median_blur": [albu.MedianBlur((3, 5), p=1)],
        "gaussian_blur": [albu.GaussianBlur((3, 7), p=1)],
        "gaussian_noise": [albu.GaussNoise((0.02, 0.1), p=1)],
        "coarse_dropout": [albu.CoarseDropout((1, 8), (28, 28), (28, 28), p=1)],
    }


class Pictures:
    """The same random pictures and masks as every side wants them."""

    def __init__(self, device: str) -> None:
        coarse = torch.rand(BATCH, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        self.image = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic").clamp_(0, 1)
        self.label = (self.image[:, :1] > 0.5).byte()
        self.bytes = [(case * 255).byte().permute(1, 2, 0).contiguous().numpy() for case in self.image]
        self.masks = [mask[0].numpy() for mask in self.label]
        self.levels = Levels.of(self.image, bounded=True)
        self.image, self.label = self.image.to(device), self.label.to(device)


Work = Callable[[int], Callable[[], None]]
"""Prepares the work of a round, which is not timed, and returns what does it."""


def ours(pictures: Pictures, entries: list[dict[str, Any]]) -> Work:
    augmentation = build_augmentation(entries, 2, 3)
    image, label = pictures.image.clone(), pictures.label.clone()

    def prepare(number: int) -> Callable[[], None]:
        image.copy_(pictures.image)
        label.copy_(pictures.label)

        def run() -> None:
            draws = [augmentation.draw((0, number, case), (3, SIDE, SIDE)) for case in range(BATCH)]
            augmentation.apply(image, label, draws, pictures.levels)

        return run

    return prepare


def theirs(pictures: Pictures, side: Side, groups: list[tuple[float, list[str]]], as_bytes: bool) -> Work:
    """Run a side's operations: of each group one, with the group's probability."""

    def prepare(number: int) -> Callable[[], None]:
        rng = np.random.default_rng(number)
        images, labels = (pictures.bytes, pictures.masks) if as_bytes else (pictures.image, pictures.label)
        names = ("image", "mask") if as_bytes else KEYS
        copied = copy.deepcopy((list(images), list(labels)))

        def run() -> None:
            for image, label in zip(*copied, strict=True):
                item = dict(zip(names, (image, label), strict=True))
                for p, operations in groups:
                    if rng.random() < p:
                        for operation in side[operations[rng.integers(len(operations))]]:
                            item = operation(**item) if as_bytes else operation(item)

        return run

    return prepare


def preset(side: Side) -> tuple[list[dict[str, Any]], list[tuple[float, list[str]]]]:
    """Return polyp without what a side lacks, as ours and as groups."""
    entries, groups = [], []
    for entry in PRESETS["polyp"]:
        of = [one for one in entry.get("of", [entry]) if one["name"] in side]
        if of:
            entries.append(entry | {"of": of} if "of" in entry else entry)
            groups.append((1.0 if entry["name"] == "flip" else entry["p"], [one["name"] for one in of]))
    return entries, groups


def measure(sides: dict[str, Work], rounds: int, device: str) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in sides}
    clock = time.process_time if device == "cpu" else time.perf_counter
    wait = (lambda: None) if device == "cpu" else torch.cuda.synchronize
    for number in range(rounds + 1):
        for name, prepare in sides.items():
            run = prepare(number)
            wait()
            start = clock()
            run()
            wait()
            times[name].append((clock() - start) / BATCH * 1e3)
    return {name: statistics.median(spent[1:]) for name, spent in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    set_track_meta(False)
    pictures, monai = Pictures(options.device), of_monai()
    albu = of_albumentations() if options.device == "cpu" else {}
    sides = {"monai": (monai, False), "albumentations": (albu, True)}
    table = Table("operation", "monaiseg", *sides, "times MONAI", "times albumentations", box=None)
    rows: dict[str, dict[str, Work]] = {}
    for name, entry in ROWS.items():
        own = {key: value for key, value in entry.items() if key != "p"} | {"p": 0.5 if name == "flip" else 1}
        rows[name] = {"monaiseg": ours(pictures, [own])}
        for key, (side, as_bytes) in sides.items():
            if name in side:
                rows[name][key] = theirs(pictures, side, [(1.0, [name])], as_bytes)
    rows["polyp"] = {"monaiseg": ours(pictures, PRESETS["polyp"])}
    if albu:
        rows["polyp"]["albumentations"] = theirs(pictures, albu, preset(albu)[1], True)
    entries, groups = preset(monai)
    rows["polyp of MONAI's"] = {"monaiseg": ours(pictures, entries), "monai": theirs(pictures, monai, groups, False)}
    for name, run in track(rows.items(), "measuring", transient=True):
        rounds = options.rounds * (6 if name.startswith("polyp") else 1)
        spent = measure(run, rounds, options.device)
        cells = [f"{spent[key]:.2f}" if key in spent else "" for key in ("monaiseg", *sides)]
        ratios = [f"{spent[key] / spent['monaiseg']:.2f}" if key in spent else "" for key in sides]
        table.add_row(name, *cells, *ratios)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
