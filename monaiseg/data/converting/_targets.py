"""The layouts that cases can be written as: what each can hold, and where its files go."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from monaiseg._files import write_bytes
from monaiseg.data.cases import Case, images_of
from monaiseg.data.classes import Classes
from monaiseg.data.converting._pixels import (
    Size,
    first_image,
    image_bytes,
    joined_volume,
    masks_of,
    resized_mask,
    scaled_affine,
)
from monaiseg.data.layouts._tables import SEPARATOR
from monaiseg.data.masks import read_mask
from monaiseg.data.volumes import is_volume
from monaiseg.data.writing import PICTURE, VOLUME, encode_picture, encode_volume, label_files
from monaiseg.errors import DataError


@dataclass
class Target:
    """A folder that cases are written to, in one layout.

    Attributes:
        folder: where; a part of a set that comes split has one of its own.
        classes: as the source has them.
        size: of all images, or None for their own.
        numbered: whether class folders are called 0, 1 and so on.
    """

    folder: Path
    classes: Classes
    size: Size = None
    numbered: bool = False
    rows: list[dict[str, str]] = field(default_factory=list)

    def by_value(self) -> Classes:
        """Return the classes as they are written by value."""
        if self.classes.kind == "values":
            return self.classes
        return Classes("values", self.classes.names, tuple((index + 1,) for index in range(len(self.classes))))

    def write(self, name: str, content: bytes) -> None:
        """Write a file under the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)


def _write_image(target: Target, case: Case, folder: str) -> None:
    files = images_of(case)
    if len(files) > 1:
        if not is_volume(files[0]):
            raise DataError(f"{files[0]}: the case has several pictures; --to nnunet or --to list holds them")
        target.write(f"{folder}/{case['id']}{VOLUME}", joined_volume(files, target.size))
        return
    suffix, content = image_bytes(files[0], target.size)
    target.write(f"{folder}/{case['id']}{suffix}", content)


def _encode(values: Any, case: Case, size: Size) -> bytes:
    source = first_image(case)
    return encode_volume(values, scaled_affine(source, size)) if is_volume(source) else encode_picture(values)


def _suffix(case: Case) -> str:
    return VOLUME if is_volume(first_image(case)) else PICTURE


def _valued_label(target: Target, case: Case) -> bytes:
    """Return the label of a case by value; several classes of one place cannot be told so, but for regions."""
    classes = target.by_value()
    masks = masks_of(case, target.classes, target.size)
    if target.classes.kind != "values" and (masks.sum(axis=0) > 1).any():
        raise DataError(f"{case['id']}: classes overlap, which values cannot tell; --to class_masks holds them")
    return _encode(label_files(masks, classes)[""], case, target.size)


def write_images_masks(target: Target, case: Case) -> None:
    """Write `images/<id>.*` and `masks/<id>.*`: two-valued for one class, by value for several."""
    _write_image(target, case, "images")
    if len(target.classes) > 1:
        content = _valued_label(target, case)
    else:
        one = Classes("masks", target.classes.names)
        content = _encode(label_files(masks_of(case, target.classes, target.size), one)[""], case, target.size)
    target.write(f"masks/{case['id']}{_suffix(case)}", content)


def write_class_masks(target: Target, case: Case) -> None:
    """Write `images/<id>.*` and `masks/<class>/<id>.*`."""
    _write_image(target, case, "images")
    masks = masks_of(case, target.classes, target.size)
    for index, (name, mask) in enumerate(zip(target.classes.names, masks, strict=True)):
        (values,) = label_files(mask[None], Classes("masks", (name,))).values()
        folder = str(index) if target.numbered else name
        target.write(f"masks/{folder}/{case['id']}{_suffix(case)}", _encode(values, case, target.size))


def write_decathlon(target: Target, case: Case) -> None:
    """Write `imagesTr/<id>.nii.gz` and `labelsTr/<id>.nii.gz`."""
    if not is_volume(first_image(case)):
        raise DataError(f"{first_image(case)}: the Decathlon holds volumes; --to nnunet holds pictures")
    _write_image(target, case, "imagesTr")
    target.write(f"labelsTr/{case['id']}{VOLUME}", _valued_label(target, case))


def write_nnunet(target: Target, case: Case) -> None:
    """Write `imagesTr/<id>_0000.*`, a file a channel, and `labelsTr/<id>.*`."""
    for number, file in enumerate(images_of(case)):
        suffix, content = image_bytes(file, target.size)
        target.write(f"imagesTr/{case['id']}_{number:04d}{suffix}", content)
    target.write(f"labelsTr/{case['id']}{_suffix(case)}", _valued_label(target, case))


def write_dsb2018(target: Target, case: Case) -> None:
    """Write `<id>/images/<id>.png` and `<id>/masks/<number>.png`, a file an instance."""
    nuclei = case["label"][0]
    if len(case["label"]) > 1 or isinstance(nuclei, str):
        raise DataError(f"{case['id']}: its label does not tell instances apart; --to images_masks holds it")
    _write_image(target, case, f"{case['id']}/images")
    for number, file in enumerate(nuclei):
        mask = resized_mask(read_mask(file, 2)[0].astype(np.uint8), target.size)
        if mask.any():  # a nucleus may vanish at a smaller size
            target.write(f"{case['id']}/masks/{number:04d}{PICTURE}", encode_picture(mask * np.uint8(255)))


def write_row(target: Target, case: Case) -> None:
    """Keep a row that names the files where they are."""
    if target.size is not None:
        raise DataError(f"{target.folder}: a list names files as they are; to resize them, choose another --to")
    row = {"id": case["id"], "image": _cell(target, images_of(case)), "group": case["group"] or ""}
    names = target.classes.names if target.classes.kind == "masks" and len(target.classes) > 1 else ("",)
    for name, channel in zip(names, case["label"], strict=True):
        row[f"label_{name}" if name else "label"] = _cell(target, [channel] if isinstance(channel, str) else channel)
    target.rows.append(row)


def _cell(target: Target, files: Sequence[str]) -> str:
    return SEPARATOR.join(os.path.relpath(file, target.folder) for file in files)


def finish(target: Target, to: str, parts: dict[str, str]) -> None:
    """Write what stands beside the cases: the names of the classes, or the list."""
    classes = target.by_value()
    if to == "list":
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, [*target.rows[0], *(["split"] if parts else [])], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, **({"split": parts[row["id"]]} if parts else {})} for row in target.rows)
        target.write("cases.csv", buffer.getvalue().encode())
    named = {
        name: key[0] if len(key) == 1 else list(key) for name, key in zip(classes.names, classes.keys, strict=True)
    }
    if (to == "list" and target.classes.kind != "masks") or (to == "images_masks" and len(classes) > 1):
        target.write("classes.json", (json.dumps(named, indent=2) + "\n").encode())
    if to in ("decathlon", "nnunet"):
        target.write("dataset.json", (json.dumps(_dataset_json(target, to, named), indent=2) + "\n").encode())


def _dataset_json(target: Target, to: str, named: dict[str, Any]) -> dict[str, Any]:
    images = sorted(path.name for path in (target.folder / "imagesTr").iterdir())
    if to == "decathlon":
        training = [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in images]
        by_value = {"0": "background", **{str(value): name for name, value in named.items()}}
        return {"labels": by_value, "modality": {"0": "image"}, "numTraining": len(images), "training": training}
    channels = sorted({name.split(".")[0].rpartition("_")[2] for name in images})
    ending = VOLUME if images[0].endswith(VOLUME) else Path(images[0]).suffix
    return {
        "channel_names": {str(index): f"channel{index}" for index in range(len(channels))},
        "labels": {"background": 0, **named},
        "numTraining": len({name.rpartition("_")[0] for name in images}),
        "file_ending": ending,
    }


TARGETS: dict[str, Callable[[Target, Case], None]] = {
    "images_masks": write_images_masks,
    "class_masks": write_class_masks,
    "decathlon": write_decathlon,
    "nnunet": write_nnunet,
    "dsb2018": write_dsb2018,
    "list": write_row,
}
