"""What all layouts share when cases are written: the folder, the masks at their size, and what must be told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monaiseg._files import write_into
from monaiseg.data.cases import Case, images_of
from monaiseg.data.classes import BACKGROUND, BLACK, Classes, classes_of
from monaiseg.data.converting._labels import check_channels, masks_of, valued_label
from monaiseg.data.converting._pixels import (
    Array,
    Size,
    copied,
    encode_like,
    encode_pixels,
    first_image,
    picture_values,
    resized_label,
    volume_values,
)
from monaiseg.data.names import check_name
from monaiseg.data.pictures import needs_tifffile
from monaiseg.data.reading import size_text
from monaiseg.data.volumes import is_volume
from monaiseg.data.writing import PICTURE, VOLUME
from monaiseg.errors import ConfigError, DataError


class Writer:
    """Writes cases to a folder in one layout; each layout is a subclass.

    Attributes:
        folder: where; a part of a set that comes split has one of its own.
        cases: all that will be written, so that what must be alike can be.
        classes: as the source has them.
        size: of all images, or None for their own.
        numbered: whether class folders are called 0, 1 and so on.
        notes: what is not as in the source, a sentence each.
    """

    def __init__(
        self, folder: Path, cases: Sequence[Case], classes: Classes, size: Size = None, numbered: bool = False
    ) -> None:
        self.folder, self.cases, self.classes, self.size, self.numbered = folder, cases, classes, size, numbered
        self.notes: list[str] = []
        self._gone: list[str] = []
        self._edges: set[str] = set()
        for case in cases:
            check_name(case["id"], f"{first_image(case)}: the id")
            check_channels(case, classes)

    def write(self, case: Case) -> None:
        """Write the files of a case; raises DataError if it cannot be read or the layout cannot hold it."""
        raise NotImplementedError

    def finish(self) -> None:
        """Write what stands beside the cases, and note what has gone from their labels."""
        if self._gone and self.size is not None:
            self.notes.append(f"at {size_text(self.size)} these vanish from labels: {'; '.join(self._gone)}")
        if self._edges:
            count, first = len(self._edges), min(self._edges)
            self.notes.append(f"masks of {count} cases had grey edges, {first} first; they are thresholded at 127")

    def read_as(self) -> Classes:
        """Return the classes whose names the written set is read with."""
        return self.classes

    def put(self, name: str, content: bytes) -> None:
        """Write a file under the folder; raises OutputError as `write_into` does."""
        write_into(self.folder, name, content)

    def put_json(self, name: str, content: Any) -> None:
        """Write a JSON file under the folder."""
        self.put(name, (json.dumps(content, indent=2) + "\n").encode())

    def masks(self, case: Case) -> Array:
        """Return the masks of a case `[K, *spatial]` at their size by nearest neighbour; raises as `masks_of`."""
        masks, had_edges = masks_of(case, self.classes)
        self.tell_edges(case, had_edges)
        resized = np.stack([resized_label(mask, self.size) for mask in masks])
        there = zip(self.classes.names, masks, resized, strict=True)
        if gone := [name for name, before, after in there if before.any() and not after.any()]:
            self.tell_gone(case, ", ".join(gone))
        return resized

    def tell_gone(self, case: Case, what: str) -> None:
        """Keep that something of a label is gone at the smaller size."""
        self._gone.append(f"{case['id']} ({what})")

    def tell_edges(self, case: Case, had_edges: bool) -> None:
        """Keep that a mask had grey edges, which are written as 0 and 255."""
        if had_edges:
            self._edges.add(case["id"])

    def values(self, case: Case, written: Classes) -> Array:
        """Return the label of a case by value `[*spatial]`, as `written` has the values; raises as `valued_label`."""
        return valued_label(case, self.classes, written, self.masks(case), self.size)

    def put_label(self, name: str, values: Array, case: Case) -> None:
        """Write a label file beside the image of its case; `name` has no suffix."""
        if is_volume(first_image(case)):
            self.put(f"{name}{VOLUME}", encode_like(values, first_image(case), self.size))
        else:
            self.put(f"{name}{PICTURE}", encode_pixels(values)[1])

    def put_image(self, name: str, case: Case, volume: str | None = None) -> None:
        """Write the image of a case as one file, copied where that can be; `name` has no suffix.

        Args:
            volume: the suffix that a volume must have; None: its own.
        """
        files = images_of(case)
        suffix = Path(files[0]).suffix.lower()
        if is_volume(files[0]):
            suffix = volume or (VOLUME if files[0].lower().endswith(VOLUME) else suffix)
        elif len(files) > 1:
            raise DataError(f"{files[0]}: the case has several pictures; --to nnunet or --to list holds them")
        as_it_is = self.size is None and len(files) == 1 and not needs_tifffile(files[0])
        content = copied(files[0], suffix) if as_it_is else None
        if content is None and is_volume(files[0]):
            values = volume_values(case, self.size)
            channels_last = values[0] if len(values) == 1 else np.moveaxis(values, 0, -1)
            suffix, content = VOLUME, encode_like(channels_last, files[0], self.size)
        elif content is None:
            suffix, content = encode_pixels(picture_values(files[0], self.size))
        self.put(f"{name}{suffix}", content)

    def put_class_table(self, classes: Classes) -> None:
        """Write `classes.json`; raises DataError if it would be read as other classes."""
        table = classes.kind if classes.kind == "instances" else class_table(classes)
        try:
            understood = classes_of(table, "classes.json") == classes
        except ConfigError:
            understood = False
        if not understood:
            raise DataError(f"{classes}: classes.json cannot tell these classes; --to class_masks holds them")
        self.put_json("classes.json", table)


def class_table(classes: Classes) -> dict[str, Any]:
    """Return the table that `classes_of` reads: names to a value, several, or a colour."""
    keys = zip(classes.names, classes.keys, strict=True)
    table: dict[str, Any] = {name: key[0] if len(key) == 1 else list(key) for name, key in keys}
    return table if classes.background == BLACK else {BACKGROUND: list(classes.background), **table}
