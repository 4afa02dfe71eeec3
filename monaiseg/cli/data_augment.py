"""`monaiseg data augment`: one picture of what a preset does to a case."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monaiseg.errors import ConfigError, DataError, suggest

if TYPE_CHECKING:
    import torch

    from monaiseg.data import Case, Classes

LARGEST = 256
"""The longest side of a picture that is augmented, as training has it; larger ones are reduced."""

BOX = 96
"""The longest side of a volume that is augmented, as large as crops of it may be; of larger ones a box is cut out."""


def add_action(actions: Any) -> None:
    """Add the action to those of `monaiseg data`."""
    action = actions.add_parser("augment", help="draw what a preset of augmentation does to a case")
    action.add_argument("folder", help="a folder of cases, as --data_root takes it")
    action.add_argument("--preset", default="light", help="none, light, polyp, nuclei or volume (light)")
    action.add_argument("--layout", default="auto", help="how the folder is laid out (auto)")
    action.add_argument("--classes", default="auto", help="""as train takes it, such as "{'liver': 1}" (auto)""")
    action.add_argument("--case", help="the id of the case (the first one)")
    action.add_argument("--in_channels", type=int, help="of the image (pictures: 3, volumes: 1)")
    action.add_argument("--seed", type=int, default=0, help="(0)")
    action.add_argument("--output", type=Path, default=Path("augment.png"), help="the new picture, a PNG (augment.png)")
    action.set_defaults(run=_augment)


def _augment(options: argparse.Namespace, _: list[str]) -> None:
    import io

    from PIL import Image

    from monaiseg._files import make_folder, write_bytes
    from monaiseg.data.augment import build_augmentation
    from monaiseg.data.augment.sheet import draw_sheet

    _check(options)
    case, classes = _case(options)
    image, label, bounded = _read(case, classes, options.in_channels)
    augmentation = build_augmentation(options.preset, image.ndim - 1, len(image))
    buffer = io.BytesIO()
    Image.fromarray(draw_sheet(augmentation, image, label, bounded, options.seed)).save(buffer, "PNG")
    make_folder(options.output.parent)
    write_bytes(options.output, buffer.getvalue())
    print(f"augment {options.preset} on case {case['id']}: written to {options.output}")


def _check(options: argparse.Namespace) -> None:
    if options.output.suffix.lower() != ".png":
        raise ConfigError(f"{options.output}: the picture is a PNG; give an --output that ends with .png")
    if options.output.exists():
        raise ConfigError(f"{options.output}: exists already; give another --output or remove it")
    if options.seed < 0:
        raise ConfigError(f"--seed is {options.seed}; it must be a whole number from 0")
    if options.in_channels is not None and options.in_channels < 1:
        raise ConfigError(f"--in_channels is {options.in_channels}; it must be a whole number from 1")


def _case(options: argparse.Namespace) -> tuple[Case, Classes]:
    from monaiseg.cli._common import mapping_or_auto
    from monaiseg.data import all_cases

    found = all_cases(options.folder, options.layout, mapping_or_auto(options.classes))
    cases = {case["id"]: case for case in found.validation}
    if options.case is None:
        return found.validation[0], found.classes
    if options.case not in cases:
        raise DataError(f"{options.folder}: no case {options.case!r} in it{suggest(options.case, cases)}")
    return cases[options.case], found.classes


def _read(case: Case, classes: Classes, in_channels: int | None) -> tuple[torch.Tensor, torch.Tensor, bool]:
    """Return image and label as floats and bytes, as small as is looked at, and whether it is an 8-bit picture."""
    import numpy as np
    import torch

    from monaiseg.data import image_shape
    from monaiseg.data.labels import read_label
    from monaiseg.data.reading import check_fit, read_image

    channels, size = image_shape(case)
    pixels, mask = (
        read_image(case["image"], len(size), in_channels or channels),
        read_label(case, len(size), classes)[0],
    )
    check_fit(case, pixels, mask)
    bounded = pixels.dtype == np.uint8
    image, label = torch.from_numpy(pixels), torch.from_numpy(mask)
    image, label = _reduced(image, label) if len(size) == 2 else _cut_out(image, label)
    return image.float() / (255 if bounded else 1), label, bounded


def _reduced(image: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a picture whose longest side is `LARGEST` at most."""
    from monaiseg.data import ResizeCase

    factor = LARGEST / max(image.shape[1:])
    if factor >= 1:
        return image, label
    smaller = [max(1, round(side * factor)) for side in image.shape[1:]]
    item = ResizeCase(smaller, label=True)({"image": image, "label": label})
    return item["image"], item["label"]


def _cut_out(image: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a box of a volume, of `BOX` a side at most, about the planes with the most foreground."""
    for axis in range(1, image.ndim):
        foreground = label.amax(0).movedim(axis - 1, 0).flatten(1).sum(1)
        side = min(BOX, len(foreground))
        middle = int(foreground.argmax()) if foreground.any() else len(foreground) // 2
        first = min(max(0, middle - side // 2), len(foreground) - side)
        image, label = image.narrow(axis, first, side), label.narrow(axis, first, side)
    return image.clone(), label.clone()
