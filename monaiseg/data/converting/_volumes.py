"""The layouts of the Medical Segmentation Decathlon and of nnU-Net, as their own programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monaiseg._files import read_json
from monaiseg.data.cases import Case, images_of
from monaiseg.data.classes import Classes, classes_in_json
from monaiseg.data.converting._labels import by_value
from monaiseg.data.converting._pixels import first_image
from monaiseg.data.converting._writer import Writer
from monaiseg.data.reading import image_shape
from monaiseg.data.volumes import is_volume
from monaiseg.data.writing import VOLUME
from monaiseg.errors import DataError


class Decathlon(Writer):
    """`imagesTr/<id>.nii.gz`, `labelsTr/<id>.nii.gz` and `dataset.json`."""

    def write(self, case: Case) -> None:
        """Write the image and the label of a case; several channels are the fourth axis."""
        if not is_volume(first_image(case)):
            raise DataError(f"{first_image(case)}: the Decathlon holds volumes; --to nnunet holds pictures")
        if any(len(key) > 1 for key in self.classes.keys) and self.classes.kind == "values":
            raise DataError(f"{self.classes}: the Decathlon has no classes of several values; --to nnunet holds them")
        self.put_image(f"imagesTr/{case['id']}", case, VOLUME)
        self.put_label(f"labelsTr/{case['id']}", self.values(case, by_value(self.classes)), case)

    def finish(self) -> None:
        """Write `dataset.json`."""
        super().finish()
        classes = by_value(self.classes)
        labels = {"0": "background"} | {
            str(key[0]): name for name, key in zip(classes.names, classes.keys, strict=True)
        }
        check_labels(labels, classes, "the Decathlon")
        names = channel_names(self.cases[0])
        files = [f"{case['id']}{VOLUME}" for case in self.cases]
        content = {
            "tensorImageSize": "3D" if len(names) == 1 else "4D",
            "modality": {str(index): name for index, name in enumerate(names)},
            "labels": labels,
            "numTraining": len(files),
            "numTest": 0,
            "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in files],
            "test": [],
        }
        self.put_json("dataset.json", content)


def check_labels(labels: dict[str, Any], classes: Classes, what: str) -> None:
    """Raise DataError if the labels of a `dataset.json` would be read as other classes."""
    try:
        understood = classes_in_json(labels, "dataset.json") == classes
    except DataError:
        understood = False
    if not understood:
        raise DataError(f"{classes}: {what} cannot tell these classes; --to class_masks holds them")


def channel_names(case: Case) -> Sequence[str]:
    """Return a name for each channel of a volume: those of the source's `dataset.json`, which tell CT from MRI."""
    count = image_shape(case)[0]
    path = Path(images_of(case)[0]).parent.parent / "dataset.json"
    try:
        facts = read_json(path)
        named = facts.get("channel_names") or facts["modality"]
        names = [str(named[str(index)]) for index in range(len(named))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        names = []
    return names if len(names) == count else [f"channel{index}" for index in range(count)]
