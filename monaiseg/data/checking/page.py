"""The page of a check: its counts, its faults, and pictures of cases with the outlines of their masks."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader
from PIL import Image
from scipy import ndimage

from monaiseg._files import write_bytes
from monaiseg.data.cases import Case
from monaiseg.data.checking._facts import CaseFacts
from monaiseg.data.checking.words import summary_lines
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.labels import read_label
from monaiseg.data.reading import image_shape, read_image
from monaiseg.errors import DataError, OutputError

if TYPE_CHECKING:
    from monaiseg.data.checking import CheckReport

Array = npt.NDArray[Any]

SIDE = 200
"""Pixels of the longer side of a picture."""

SOUND, FAULTY = 96, 96
"""So many cases without and with faults are shown at most."""

PAIRS = 48
"""So many pairs of cases that show nearly the same are shown at most."""

COLOURS = ((0, 220, 120), (255, 80, 60), (70, 140, 255), (255, 200, 0), (220, 90, 255), (0, 220, 220))


@dataclass(frozen=True)
class Tile:
    """A case on the page, or two of them: name, picture as a data address, what is wrong, and whether it is wide."""

    name: str
    picture: str
    faults: tuple[str, ...] = ()
    wide: bool = False


class ContactSheet:
    """Draws cases as they are looked at: faulty ones, and of the others an even choice; writes the page at the end.

    Raises:
        OutputError: the file is there already.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise OutputError(f"{path}: is there already; choose another --html")
        self.path = path
        self._sound: list[CaseFacts] = []
        self._faulty: list[CaseFacts] = []
        self._step, self._seen = 1, 0

    def add(self, facts: CaseFacts) -> None:
        """Take a case into account."""
        if facts.faults:
            self._faulty += [facts] if len(self._faulty) < FAULTY else []
            return
        if self._seen % self._step == 0:
            self._sound.append(facts)
        self._seen += 1
        if len(self._sound) > SOUND:
            self._sound, self._step = self._sound[::2], 2 * self._step

    def write(self, report: CheckReport) -> None:
        """Draw the chosen cases and write the page."""
        classes = report.classes or FOREGROUND
        tiles = {
            "Cases with faults": [_tile(facts, classes) for facts in self._faulty],
            "Cases that show nearly the same": [_pair(*pair, classes) for pair in report.alike[:PAIRS]],
            "Cases": [_tile(facts, classes) for facts in self._sound],
        }
        templates = Environment(loader=PackageLoader("monaiseg", "_templates"), autoescape=True)
        legend = list(zip(classes.names, _hex(len(classes)), strict=False))
        record = report.record()
        content = templates.get_template("check.html.j2").render(
            record=record, lines=summary_lines(record), tiles=tiles, legend=legend
        )
        write_bytes(self.path, content.encode())


def _hex(count: int) -> list[str]:
    return ["#{:02x}{:02x}{:02x}".format(*COLOURS[index % len(COLOURS)]) for index in range(count)]


def _tile(facts: CaseFacts, classes: Classes) -> Tile:
    name = facts.case["id"] if facts.part == "all" else f"{facts.part}/{facts.case['id']}"
    faults = tuple(f"{fault.severity}: {fault.message}" for fault in facts.faults)
    try:
        picture = _address(draw_case(facts.case, classes))
    except DataError:
        picture = ""
    return Tile(name, picture, faults)


def _pair(first: Case, second: Case, classes: Classes) -> Tile:
    """Return two cases beside each other."""
    pictures = [draw_case(case, classes) for case in (first, second)]
    both = Image.new("RGB", (2 * SIDE + 4, max(picture.height for picture in pictures)), "white")
    for picture, left in zip(pictures, (0, SIDE + 4), strict=True):
        both.paste(picture, (left, 0))
    return Tile(f"{first['id']} and {second['id']}", _address(both), wide=True)


def _address(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def draw_case(case: Case, classes: Classes) -> Image.Image:
    """Return a picture of a case with the outlines of its classes; of a volume the slice with most of them.

    A label that cannot be read, or is of another size, is left out.

    Raises:
        DataError: the image cannot be read.
    """
    channels, size = image_shape(case)
    pixels = read_image(case["image"], len(size), channels)
    masks = _masks(case, classes, pixels)
    if len(size) > 2:
        depth = int(masks.any(axis=0).sum(axis=(0, 1)).argmax()) if masks.any() else pixels.shape[-1] // 2
        # The first axis to the right and the second one up, as anatomy is shown.
        pixels, masks = (array[..., depth].swapaxes(1, 2)[:, ::-1] for array in (pixels, masks))
    picture = Image.fromarray(_as_rgb(pixels))
    scale = SIDE / max(picture.size)
    shown = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    canvas = np.asarray(picture.resize(shown, Image.Resampling.BILINEAR)).copy()
    for index, mask in enumerate(masks):
        small = np.asarray(Image.fromarray(mask).resize(shown, Image.Resampling.NEAREST))
        canvas[small & ~ndimage.binary_erosion(small)] = COLOURS[index % len(COLOURS)]
    return Image.fromarray(canvas)


def _masks(case: Case, classes: Classes, pixels: Array) -> Array:
    nothing = np.zeros((1, *pixels.shape[1:]), bool)
    if not case["label"]:
        return nothing
    try:
        masks = read_label(case, pixels.ndim - 1, classes)[0] > 0
    except DataError:
        return nothing
    return masks if masks.shape[1:] == pixels.shape[1:] else nothing


def _as_rgb(pixels: Array) -> npt.NDArray[np.uint8]:
    """Return `[H, W, 3]` of an image `[C, H, W]`; what is not 8 bits is stretched between its percentiles."""
    shown = np.moveaxis(pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0), 0, -1)
    if shown.dtype == np.uint8:
        return np.ascontiguousarray(shown)
    low, high = np.percentile(shown, (1, 99))
    stretched = (shown - low) / max(float(high - low), np.finfo(np.float32).tiny)
    return np.asarray(255 * stretched.clip(0, 1), dtype=np.uint8)
