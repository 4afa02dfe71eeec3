"""One picture of what a preset does to a case: each operation alone, and the whole of it several times."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage.segmentation import find_boundaries

from monaiseg.data.augment.augmentation import Augmentation
from monaiseg.data.augment.draws import CaseDraw, Choice
from monaiseg.data.augment.intensity import Levels
from monaiseg.data.augment.operation import Operation

COLUMNS, CELL, GAP, TITLE = 6, 240, 10, 54
TRIES = 24
"""Draws of an operation, of which the one that changes most is shown."""

OUTLINE, INK, FAINT, PAPER = (0, 230, 0), (20, 20, 20), (110, 110, 110), (250, 250, 250)
Picture = npt.NDArray[np.uint8]
Pair = tuple[torch.Tensor, torch.Tensor]


def draw_sheet(
    augmentation: Augmentation, image: torch.Tensor, label: torch.Tensor, bounded: bool, seed: int = 0
) -> Picture:
    """Return an RGB picture `[H, W, 3]`: the case, each operation alone at its strongest, a row of whole draws.

    image: `[C, *spatial]`, float; between 0 and 1 if `bounded`. label: `[K, *spatial]` of zeros and ones, shown as
    outlines. Of a volume, the slice of the first axis with the most foreground is shown.
    """
    levels = Levels.of(image[None], bounded)
    window = 0.0 if bounded else float(image.min()), float(image.max())
    slices = int(label.flatten(2).sum((0, 2)).argmax()) if label.ndim == 4 else None

    def cell(title: str, details: Sequence[str], pair: Pair) -> Picture:
        shown, outlined = (tensor if slices is None else tensor[:, slices] for tensor in pair)
        pixels = _outlined(_pixels(shown, window), outlined.numpy().astype(bool), image.shape[-2:])
        return _titled(title, ", ".join(details), pixels)

    cells = [cell("original", [], (image, label))]
    for choice in augmentation.choices:
        for operation in choice.operations:
            chance = f"p {choice.p / len(choice.operations):.2g}"
            strongest = _strongest(operation, image, label, levels, seed)
            cells.append(cell(operation.name, [chance, *settings_of(operation.parameters())], strongest))
    cells += [np.full_like(cells[0], PAPER[0])] * (-len(cells) % COLUMNS)
    for number in range(COLUMNS):
        draw = augmentation.draw((seed, number), image.shape)
        cells.append(cell(f"all of it, draw {number}", draw.names, _done(augmentation, draw, image, label, levels)))
    return np.concatenate([np.concatenate(cells[i : i + COLUMNS], axis=1) for i in range(0, len(cells), COLUMNS)])


def _done(augmentation: Augmentation, draw: CaseDraw, image: torch.Tensor, label: torch.Tensor, levels: Levels) -> Pair:
    images, labels = augmentation.apply(image[None].clone(), label[None].clone(), [draw], levels)
    return images[0], label if labels is None else labels[0]


def _strongest(operation: Operation, image: torch.Tensor, label: torch.Tensor, levels: Levels, seed: int) -> Pair:
    """Return what the operation does alone, of some draws the one that changes most."""
    alone = Augmentation([Choice(1, (operation,))])
    best, most = (image, label), -1.0
    for number in range(TRIES):
        pair = _done(alone, alone.draw((seed, number), image.shape), image, label, levels)
        change = float((pair[0] - image).abs().mean()) if pair[0].shape == image.shape else 0.0
        best, most = (pair, change) if change > most else (best, most)
    return best


def settings_of(parameters: dict[str, Any]) -> list[str]:
    """Return parameters as a title has them: `gamma 0.7..1.4`."""
    shown = []
    for name, value in parameters.items():
        ends = dict.fromkeys(value if isinstance(value, tuple) else (value,))
        words = [f"{end:g}" if isinstance(end, float) else str(end) for end in ends]
        drawn_between = all(isinstance(end, float) for end in ends)
        shown += [f"{name} {('..' if drawn_between else '/').join(words)}"] if value is not None else []
    return shown


def _pixels(image: torch.Tensor, window: tuple[float, float]) -> Picture:
    """Return `[C, H, W]` as an RGB picture, `window` from black to white."""
    low, high = window
    values = ((image - low) / max(high - low, 1e-9)).clamp(0, 1).mul(255).byte().numpy()
    channels = values if len(values) == 3 else np.repeat(values[:1], 3, axis=0)
    return np.ascontiguousarray(channels.transpose(1, 2, 0))


def _outlined(picture: Picture, masks: npt.NDArray[np.bool_], whole: Sequence[int]) -> Picture:
    """Return the picture with outlines, in a box whose sides are as those of the whole image."""
    tall = max(1, round(CELL * whole[0] / max(whole)))
    broad = max(1, round(CELL * whole[1] / max(whole)))
    factor = min(tall / picture.shape[0], broad / picture.shape[1])
    height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
    box = np.full((tall, CELL, 3), PAPER[0], dtype=np.uint8)
    shown = np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
    for mask in masks:
        fitted = np.array(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
        shown[find_boundaries(fitted, mode="inner")] = OUTLINE
    box[:height, :width] = shown
    return box


def _titled(title: str, detail: str, picture: Picture) -> Picture:
    sheet = Image.new("RGB", (CELL + GAP, picture.shape[0] + TITLE + GAP), PAPER)
    sheet.paste(Image.fromarray(picture), (GAP // 2, TITLE))
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP // 2, 4), title, INK, ImageFont.load_default(15))
    lines = textwrap.wrap(detail, CELL // 6, max_lines=2, placeholder=" ...")
    pen.text((GAP // 2, 23), "\n".join(lines), FAINT, ImageFont.load_default(11))
    return np.asarray(sheet)
