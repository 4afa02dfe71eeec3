"""nnU-Net's raw data: what its documentation/dataset_format.md and region_based_training.md ask for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from monaiseg.data.cases import Case, images_of
from monaiseg.data.classes import Classes
from monaiseg.data.converting._labels import by_value, consecutive
from monaiseg.data.converting._pixels import (
    GREY_MODES,
    Size,
    copied,
    encode_like,
    encode_pixels,
    first_image,
    picture_values,
    volume_values,
)
from monaiseg.data.converting._volumes import channel_names, check_labels
from monaiseg.data.converting._writer import Writer, class_table
from monaiseg.data.pictures import DEEP_MODES, picture_mode
from monaiseg.data.volumes import is_volume, volume_geometry
from monaiseg.data.writing import DEEP_PICTURE, PICTURE, VOLUME, own_value
from monaiseg.errors import DataError

BEYOND_PNG = ("I", "F")
"""Pillow's modes of pictures that PNG cannot always hold."""


class NnUNet(Writer):
    """`imagesTr/<id>_0000.*`, a file a channel (an RGB picture is one), `labelsTr/<id>.*` and `dataset.json`.

    All files have one lossless ending; values are consecutive from 1; of regions the larger come first, because
    nnU-Net draws them over one another in their order.
    """

    def __init__(
        self, folder: Path, cases: Sequence[Case], classes: Classes, size: Size = None, numbered: bool = False
    ) -> None:
        check_nested(classes)
        super().__init__(folder, cases, larger_first(classes), size, numbered)
        self.written = consecutive(by_value(self.classes))
        self.volumes = is_volume(first_image(cases[0]))
        files = [file for case in cases for file in images_of(case)]
        modes = {} if self.volumes else {file: picture_mode(file) for file in files}
        channel_each = len(files) > len(cases)
        self.grey = channel_each or all(mode in (*GREY_MODES, *DEEP_MODES) for mode in modes.values())
        self.ending = _ending(modes, self.grey) if modes else VOLUME
        if self.written != classes and classes.kind == "values":
            wanted = "values from 1 without a gap, and the larger of two regions first"
            self.notes.append(f"nnU-Net wants {wanted}: {classes} becomes {self.written}")

    def write(self, case: Case) -> None:
        """Write the channels and the label of a case."""
        if is_volume(first_image(case)) != self.volumes:
            raise DataError(f"{first_image(case)}: nnU-Net needs one format, others have another; convert it")
        contents = self._volumes(case) if self.volumes else self._pictures(case)
        for number, content in enumerate(contents):
            self.put(f"imagesTr/{case['id']}_{number:04d}{self.ending}", content)
        values = self.values(case, self.written)
        if self.volumes:
            self.put_label(f"labelsTr/{case['id']}", values, case)
        else:
            self.put(f"labelsTr/{case['id']}{self.ending}", encode_pixels(values, self.ending)[1])

    def _pictures(self, case: Case) -> list[bytes]:
        values = (picture_values(file, self.size, self.grey) for file in images_of(case))
        return [encode_pixels(pixels, self.ending)[1] for pixels in values]

    def _volumes(self, case: Case) -> list[bytes]:
        """Return a file a channel: as they are where that can be."""
        files = images_of(case)
        if self.size is None and all(len(volume_geometry(file).shape) <= 3 for file in files):
            contents = [content for file in files if (content := copied(file, VOLUME)) is not None]
            if len(contents) == len(files):
                return contents
        return [encode_like(channel, files[0], self.size) for channel in volume_values(case, self.size)]

    def _channels(self) -> Sequence[str]:
        if self.volumes:
            return channel_names(self.cases[0])
        if not self.grey:
            return ("R", "G", "B")
        return [f"channel{index}" for index in range(len(images_of(self.cases[0])))]

    def finish(self) -> None:
        """Write `dataset.json`."""
        super().finish()
        labels = {"background": 0, **class_table(self.written)}
        check_labels(labels, self.written, "nnU-Net")
        content = {
            "channel_names": {str(index): name for index, name in enumerate(self._channels())},
            "labels": labels,
            "numTraining": len(self.cases),
            "file_ending": self.ending,
        }
        if any(len(key) > 1 for key in self.written.keys):
            content["regions_class_order"] = [own_value(self.written, index) for index in range(len(self.written))]
        self.put_json("dataset.json", content)


def _ending(modes: dict[str, str], grey: bool) -> str:
    """Return the suffix that all pictures and labels have; raises DataError where they cannot be of one kind."""
    deep = [file for file, mode in modes.items() if mode in DEEP_MODES]
    if deep and not grey:
        raise DataError(f"{deep[0]}: is grey of more than 8 bits, others are RGB; nnU-Net needs one kind")
    return DEEP_PICTURE if set(modes.values()) & set(BEYOND_PNG) else PICTURE


def larger_first(classes: Classes) -> Classes:
    """Return classes by value with those of more values first; others as they are."""
    if classes.kind != "values":
        return classes
    order = sorted(range(len(classes)), key=lambda index: -len(classes.keys[index]))
    return Classes("values", tuple(classes.names[k] for k in order), tuple(classes.keys[k] for k in order))


def check_nested(classes: Classes) -> None:
    """Raise DataError if two classes by value share some values and neither holds all of the other's."""
    if classes.kind != "values":
        return
    for (one, first), (other, second) in combinations(zip(classes.names, map(set, classes.keys), strict=True), 2):
        if first & second and (first == second or not (first < second or second < first)):
            raise DataError(
                f"{one} and {other} share values without one holding the other, which nnU-Net cannot tell; "
                "--to class_masks holds them"
            )
