"""Layouts by folders: images with masks by value, with masks a class, and with masks a nucleus."""

from __future__ import annotations

import numpy as np

from monaiseg.data.cases import Case
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.converting._labels import by_value
from monaiseg.data.converting._pixels import Array, encode_pixels, first_image, resized_label
from monaiseg.data.converting._writer import Writer
from monaiseg.data.labels import read_instances
from monaiseg.data.masks import read_mask
from monaiseg.data.names import check_name, natural
from monaiseg.data.reading import check_fit, image_shape
from monaiseg.data.volumes import is_volume
from monaiseg.data.writing import PICTURE, label_files
from monaiseg.errors import DataError


def _two_valued(mask: Array) -> Array:
    """Return a mask of 0 and 255 for pictures, 0 and 1 for volumes."""
    return label_files(mask[None], FOREGROUND)[""]


class ImagesMasks(Writer):
    """`images/<id>.*` and `masks/<id>.*`: two-valued for one class, by value for several."""

    def write(self, case: Case) -> None:
        """Write the image and the mask of a case."""
        self.put_image(f"images/{case['id']}", case)
        values = self.values(case, by_value(self.classes)) if self._has_values() else _two_valued(self.masks(case)[0])
        self.put_label(f"masks/{case['id']}", values, case)

    def _has_values(self) -> bool:
        """Tell whether labels have values of their own: of several classes, or of a region."""
        return len(self.classes) > 1 or len(by_value(self.classes).keys[0]) > 1

    def finish(self) -> None:
        """Write the names and values of the classes."""
        super().finish()
        if self._has_values():
            self.put_class_table(by_value(self.classes))
        elif self.classes.names != FOREGROUND.names:
            white = 1 if is_volume(first_image(self.cases[0])) else 255
            self.put_class_table(Classes("values", self.classes.names, ((white,),)))


class ClassMasks(Writer):
    """`images/<id>.*` and `masks/<class>/<id>.*`."""

    def write(self, case: Case) -> None:
        """Write the image and the masks of a case."""
        self.put_image(f"images/{case['id']}", case)
        for index, (name, mask) in enumerate(zip(self.classes.names, self.masks(case), strict=True)):
            if not self.numbered:
                check_name(name, "the class")
            folder = str(index) if self.numbered else name
            self.put_label(f"masks/{folder}/{case['id']}", _two_valued(mask), case)

    def read_as(self) -> Classes:
        """Return the classes by the names of their folders."""
        numbers = tuple(str(index) for index in range(len(self.classes)))
        return Classes("masks", numbers if self.numbered else self.classes.names)

    def finish(self) -> None:
        """Note where the order of the classes changes: folders have none but that of their names."""
        super().finish()
        names = sorted(self.classes.names, key=natural)
        if not self.numbered and names != list(self.classes.names):
            self.notes.append(f"the classes come in the order of their folders, {', '.join(names)}")


class Dsb2018(Writer):
    """`<id>/images/<id>.*` and `<id>/masks/<number>.png`, a file an instance."""

    def write(self, case: Case) -> None:
        """Write the image and the instances of a case; an empty mask where none is left at the smaller size."""
        if is_volume(first_image(case)):
            raise DataError(f"{first_image(case)}: DSB2018 holds pictures; --to images_masks holds volumes")
        masks = self._instances(case, np.empty((1, *image_shape(case)[1])))
        self.put_image(f"{case['id']}/images/{case['id']}", case)
        left = [mask for mask, was_there in masks if mask.any() or not was_there]
        if len(left) < len(masks):
            self.tell_gone(case, f"{len(masks) - len(left)} of {len(masks)} instances")
        for number, mask in enumerate(left or [masks[0][0]]):
            self.put(f"{case['id']}/masks/{number:04d}{PICTURE}", encode_pixels(mask * np.uint8(255))[1])

    def _instances(self, case: Case, like: Array) -> list[tuple[Array, bool]]:
        """Return of each instance what `_instance` does; of a label without any an empty one."""
        if self.classes.kind == "instances":
            ids = read_instances(case, 2, self.classes)[0]
            check_fit(case, like, ids)
            resized = resized_label(ids[0], self.size)
            masks = [((resized == number).astype(np.uint8), True) for number in np.unique(ids) if number]
            return masks or [(np.zeros(resized.shape, np.uint8), False)]
        if self.classes.kind != "masks" or len(case["label"]) > 1 or isinstance(case["label"][0], str):
            raise DataError(f"{case['id']}: its label does not tell instances apart; --to images_masks holds it")
        return [self._instance(case, file, like) for file in case["label"][0]]

    def _instance(self, case: Case, file: str, like: Array) -> tuple[Array, bool]:
        """Return the mask `[H, W]` in a file at its size, and whether it holds anything at its own, that of `like`."""
        read, had_edges = read_mask(file, 2)
        self.tell_edges(case, had_edges)
        mask = read.astype(np.uint8)
        check_fit(Case(**case | {"label": [file]}), like, mask[None])
        return resized_label(mask, self.size), bool(mask.any())

    def read_as(self) -> Classes:
        """Return the one class without its name."""
        return FOREGROUND

    def finish(self) -> None:
        """Note that the name of the class is not kept."""
        super().finish()
        if self.classes.names != FOREGROUND.names:
            self.notes.append(f"DSB2018 does not name its class; {self.classes} becomes foreground")
