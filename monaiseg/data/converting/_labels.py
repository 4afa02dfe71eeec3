"""The label of a case as masks, and as values of another layout, which must mean the same."""

from __future__ import annotations

import numpy as np

from monaiseg.data.cases import Case
from monaiseg.data.classes import Classes
from monaiseg.data.converting._pixels import Array, Size, first_image, resized_label
from monaiseg.data.labels import label_values, read_label
from monaiseg.data.reading import check_fit, image_shape
from monaiseg.data.writing import label_files as written_files
from monaiseg.errors import DataError

MOST = 65535
"""The largest value of a label that a picture can hold."""


def check_channels(case: Case, classes: Classes) -> None:
    """Raise DataError if a case that has a mask a class lacks one, or has too many."""
    if classes.kind == "masks" and len(case["label"]) != len(classes):
        raise DataError(
            f"{first_image(case)}: has {len(case['label'])} masks, there are {len(classes)} classes ({classes}); "
            "give it a mask of each, an empty one where it has none"
        )


def masks_of(case: Case, classes: Classes) -> tuple[Array, bool]:
    """Return the masks of a case `[K, *spatial]`, zeros and ones, and whether grey edges had to be thresholded.

    Raises:
        DataError: the label cannot be read, has another size than the image, lies elsewhere, or lacks a class.
    """
    check_channels(case, classes)
    _, shape = image_shape(case)
    masks, had_edges = read_label(case, len(shape), classes)
    check_fit(case, np.empty((1, *shape)), masks)
    return masks, had_edges


def by_value(classes: Classes) -> Classes:
    """Return the classes as they are told by value: their own values, or 1, 2 and so on."""
    if classes.kind == "values":
        return classes
    return Classes("values", classes.names, tuple((index + 1,) for index in range(len(classes))))


def consecutive(classes: Classes) -> Classes:
    """Return classes by value whose values are 1, 2 and so on in the order of the old ones."""
    old = sorted({value for key in classes.keys for value in key})
    return Classes("values", classes.names, tuple(tuple(old.index(value) + 1 for value in key) for key in classes.keys))


def valued_label(case: Case, classes: Classes, written: Classes, masks: Array, size: Size) -> Array:
    """Return the label of a case by value `[*spatial]`.

    Args:
        classes: as the source has them.
        written: the same by value; where the source has values, value for value.
        masks: of the case `[K, *spatial]`, at the size to be written.

    Raises:
        DataError: classes overlap where values cannot tell it, or a value is too large.
    """
    if max(value for key in written.keys for value in key) > MOST:
        raise DataError(f"{written}: a picture holds values up to {MOST}; --to class_masks holds these classes")
    if any(len(key) > 1 for key in written.keys):  # of regions, what makes them up is kept as well
        values = _renumbered(resized_label(_stored(case, masks.ndim - 1), size), classes, written)
    else:
        values = written_files(masks, written)[""]
    if any((np.isin(values, key) != mask).any() for key, mask in zip(written.keys, masks, strict=True)):
        raise DataError(f"{case['id']}: classes overlap, which values cannot tell; --to class_masks holds them")
    return values


def _stored(case: Case, spatial_dims: int) -> Array:
    return label_values(str(case["label"][0]), spatial_dims).astype(np.int64)


def _renumbered(values: Array, classes: Classes, written: Classes) -> Array:
    """Return label values exchanged for those that are written."""
    pairs = [pair for old, new in zip(classes.keys, written.keys, strict=True) for pair in zip(old, new, strict=True)]
    table = np.zeros(max(old for old, _ in pairs) + 1, np.uint16)
    for old, new in pairs:
        table[old] = new
    return table[values].astype(np.uint8 if table.max() <= 255 else np.uint16)
