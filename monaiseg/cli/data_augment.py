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
"""The longest side that is augmented, as training has it; larger pictures are reduced."""


def add_action(actions: Any) -> None:
    """Add the action to those of `monaiseg data`."""
    action = actions.add_parser("augment", help="draw what a preset of augmentation does to a case")
    action.add_argument("folder", help="a folder of cases, as --data_root takes it")
    action.add_argument("--preset", default="light", help="none, light, polyp, nuclei or volume (light)")
    action.add_argument("--layout", default="auto", help="how the folder is laid out (auto)")
    action.add_argument("--case", help="the id of the case (the first one)")
    action.add_argument("--in_channels", type=int, help="of the image (pictures: 3, volumes: 1)")
    action.add_argument("--seed", type=int, default=0, help="(0)")
    action.add_argument("--output", type=Path, default=Path("augment.png"), help="the new picture (augment.png)")
    action.set_defaults(run=_augment)


def _augment(options: argparse.Namespace, _: list[str]) -> None:
    import io

    from PIL import Image

    from monaiseg._files import make_folder, write_bytes
    from monaiseg.data.augment import build_augmentation
    from monaiseg.data.augment.sheet import draw_sheet

    if options.output.exists():
        raise ConfigError(f"{options.output}: exists already; give another --output or remove it")
    case, classes = _case(options)
    image, label, bounded = _read(case, classes, options.in_channels)
    augmentation = build_augmentation(options.preset, image.ndim - 1, len(image))
    buffer = io.BytesIO()
    Image.fromarray(draw_sheet(augmentation, image, label, bounded, options.seed)).save(buffer, "PNG")
    make_folder(options.output.parent)
    write_bytes(options.output, buffer.getvalue())
    print(f"augment {options.preset} on case {case['id']}: written to {options.output}")


def _case(options: argparse.Namespace) -> tuple[Case, Classes]:
    from monaiseg.data import all_cases

    found = all_cases(options.folder, options.layout)
    cases = {case["id"]: case for case in found.validation}
    if options.case is None:
        return found.validation[0], found.classes
    if options.case not in cases:
        raise DataError(f"{options.folder}: no case {options.case!r} in it{suggest(options.case, cases)}")
    return cases[options.case], found.classes


def _read(case: Case, classes: Classes, in_channels: int | None) -> tuple[torch.Tensor, torch.Tensor, bool]:
    """Return image and label as floats and bytes, reduced to `LARGEST`, and whether the image is an 8-bit picture."""
    import numpy as np
    import torch
    from torch.nn.functional import interpolate

    from monaiseg.data import image_shape
    from monaiseg.data.labels import read_label
    from monaiseg.data.reading import check_sizes, read_image

    channels, size = image_shape(case)
    pixels, mask = (
        read_image(case["image"], len(size), in_channels or channels),
        read_label(case, len(size), classes)[0],
    )
    check_sizes(case, pixels, mask)
    bounded = pixels.dtype == np.uint8
    image, label = torch.from_numpy(pixels).float() / (255 if bounded else 1), torch.from_numpy(mask)
    factor = LARGEST / max(image.shape[1:])
    if factor < 1 and len(size) == 2:
        smaller = [max(1, round(side * factor)) for side in image.shape[1:]]
        image = interpolate(image[None], smaller, mode="bilinear", antialias=True)[0].clamp(0, 1 if bounded else None)
        label = interpolate(label[None], smaller, mode="nearest-exact")[0]
    return image, label, bounded
