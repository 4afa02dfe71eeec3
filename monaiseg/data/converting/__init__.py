"""Writes a data set in another layout, at its own size or another one; what a layout cannot hold is refused."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monaiseg._files import make_folder, publish
from monaiseg.data.cases import Case
from monaiseg.data.classes import Classes
from monaiseg.data.converting._folders import ClassMasks, Dsb2018, ImagesMasks
from monaiseg.data.converting._lists import CaseList
from monaiseg.data.converting._nnunet import NnUNet
from monaiseg.data.converting._output import check_readable, new_folder
from monaiseg.data.converting._parts import folds_in_list, note_lost, parts_in_folders, parts_in_list
from monaiseg.data.converting._pixels import Size, first_image
from monaiseg.data.converting._volumes import Decathlon
from monaiseg.data.converting._writer import Writer
from monaiseg.data.finding import find_whole
from monaiseg.data.layouts import FoundData
from monaiseg.data.reading import image_shape
from monaiseg.errors import ConfigError, DataError, suggest

__all__ = ["TARGETS", "convert_data"]

logger = logging.getLogger("monaiseg")

TARGETS: dict[str, type[Writer]] = {
    "images_masks": ImagesMasks,
    "class_masks": ClassMasks,
    "decathlon": Decathlon,
    "nnunet": NnUNet,
    "dsb2018": Dsb2018,
    "list": CaseList,
}


def convert_data(
    root: Path,
    output: Path,
    to: str,
    size: Sequence[int] | None = None,
    layout: str = "auto",
    classes: str | Mapping[str, Any] = "auto",
    numbered: bool = False,
    see: Callable[[Case], None] = lambda case: None,
) -> int:
    """Write the cases of `root` to the new folder `output` in the layout `to`, and return how many they are.

    Files are copied as they are where the size stays and the layout can hold them; images are resized linearly with
    anti-aliasing, masks by nearest neighbour. A set that comes split stays so. What is not as in the source is logged.

    Args:
        size: of all images, an entry an axis; None: their own.
        layout: of the source, as `load_cases` takes it; `classes` likewise.
        numbered: call the folders of classes 0, 1 and so on, as pytorch-nested-unet does.
        see: called after each case.

    Raises:
        ConfigError: there is no layout `to`, it has no classes to number or cannot resize, or the images have other
            axes than `size`.
        DataError: a case cannot be read, or `to` cannot hold it; nothing is left of the output then.
        OutputError: the output is there already, or cannot be written.
    """
    _check_request(root, to, size, numbered)
    found, named = find_whole(root, layout, classes)
    settings = (named, _size(size, found.cases), numbered)
    folder = new_folder(output, found.root)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    make_folder(partial, "the output")
    notes: list[str] = []
    try:
        writers = _writers(partial, found, to, settings, notes)
        for writer in writers:
            _write_all(writer, see)
            notes += [f"{writer.folder.name}: {note}" if len(writers) > 1 else note for note in writer.notes]
        check_readable(partial, output, to, writers)
        publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for note in notes:
        logger.warning("%s: %s", output, note)
    return len(found.cases)


def _check_request(root: Path, to: str, size: Sequence[int] | None, numbered: bool) -> None:
    if to not in TARGETS:
        raise ConfigError(f"to is {to!r}{suggest(to, TARGETS)}")
    if numbered and to != "class_masks":
        raise ConfigError(f"numbered is for folders of classes, which {to} has none of; leave it out")
    if size is not None and to == "list":
        raise ConfigError("a list names files as they are; to resize them, choose another --to")
    if not root.exists():
        raise DataError(f"{root}: no such file or folder")


def _size(size: Sequence[int] | None, cases: Sequence[Case]) -> Size:
    if size is None:
        return None
    dims = len(image_shape(cases[0])[1])
    if len(size) != dims or min(size) < 1:
        raise ConfigError(f"size is {' '.join(map(str, size))}; these images need {dims} sides, each from 1")
    for case in cases:
        if len(other := image_shape(case)[1]) != dims:
            raise DataError(f"{first_image(case)}: has {len(other)} axes, others have {dims}; convert them apart")
    return tuple(size)


def _writers(
    folder: Path, found: FoundData, to: str, settings: tuple[Classes, Size, bool], notes: list[str]
) -> list[Writer]:
    """Return what writes the cases: one for all, or one a part; a list has them all."""
    if to == "list":
        cases, parts = parts_in_list(found, notes)
        return [CaseList(folder, cases, *settings, parts=parts, folds=folds_in_list(found))]
    note_lost(found, settings[0], to, notes)
    return [TARGETS[to](folder / part, cases, *settings) for part, cases in parts_in_folders(found, notes).items()]


def _write_all(writer: Writer, see: Callable[[Case], None]) -> None:
    for case in writer.cases:
        writer.write(case)
        see(case)
    writer.finish()
