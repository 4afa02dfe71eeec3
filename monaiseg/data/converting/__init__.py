"""Writes a data set in another layout, at its own size or another one; what a layout cannot hold is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monaiseg._files import make_folder
from monaiseg.data.cases import Case
from monaiseg.data.converting._targets import TARGETS, Target, finish
from monaiseg.data.finding import find_whole
from monaiseg.data.reading import image_shape
from monaiseg.errors import ConfigError, DataError, OutputError, suggest

__all__ = ["TARGETS", "convert_data"]


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
    anti-aliasing, masks by nearest neighbour. A set that comes split stays so.

    Args:
        size: of all images, an entry an axis; None: their own.
        layout: of the source, as `load_cases` takes it; `classes` likewise.
        numbered: call the folders of classes 0, 1 and so on, as pytorch-nested-unet does.
        see: called after each case.

    Raises:
        ConfigError: there is no layout `to`.
        DataError: a case cannot be read, or `to` cannot hold it; nothing is left of the output then.
        OutputError: the output is there already.
    """
    if to not in TARGETS:
        raise ConfigError(f"to is {to!r}{suggest(to, TARGETS)}")
    found, named = find_whole(root, layout, classes)
    dims = len(image_shape(found.cases[0])[1])
    if size is not None and (len(size) != dims or min(size) < 1):
        raise ConfigError(f"size is {' '.join(map(str, size))}; these images need {dims} sides, each from 1")
    whole = None if size is None else tuple(size)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise OutputError(f"{output}: is there already; choose another folder")
    partial = output.with_name(f".{output.name}.{os.getpid()}.part")
    make_folder(partial, "the output")
    try:
        for part, cases in _folders(found.parts, to).items():
            target = Target(partial / part if part else partial, named, whole, numbered)
            for case in cases:
                TARGETS[to](target, case)
                see(case)
            finish(target, to, _parts(found.parts) if to == "list" else {})
        os.replace(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(found.cases)


def _folders(parts: Mapping[str, list[Case]], to: str) -> dict[str, list[Case]]:
    """Return the cases by the folder they go to: one for all, or one a part; a list has them all."""
    if "all" in parts or to == "list":
        return {"": [case for cases in parts.values() for case in cases]}
    return dict(parts)


def _parts(parts: Mapping[str, list[Case]]) -> dict[str, str]:
    """Return the part of each case by its id, or nothing where the set does not come split."""
    if "all" in parts:
        return {}
    names = {case["id"]: part for part, cases in parts.items() for case in cases}
    if len(names) < sum(map(len, parts.values())):
        raise DataError("two parts have cases of one id, which a list cannot tell apart; choose another --to")
    return names
