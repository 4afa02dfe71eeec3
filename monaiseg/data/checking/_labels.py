"""Looks at the label of a case: whether it is what its classes say, covers something, and lies where the image lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg.data.cases import Case, images_of, label_files
from monaiseg.data.checking._facts import CaseFacts, Fault, LabelFacts
from monaiseg.data.classes import Classes
from monaiseg.data.labels import label_values, read_label
from monaiseg.data.masks import mask_values, read_mask
from monaiseg.data.pictures import picture_mode
from monaiseg.data.reading import size_text
from monaiseg.data.volumes import is_volume, volume_geometry
from monaiseg.errors import DataError

Array = npt.NDArray[Any]

INVERTED = 0.95
"""A class that covers more than this share of an image may have its mask inverted."""

TOLERANCE = 1e-3
"""Two affines that differ by less, in millimetres a voxel, are equal."""


def look_at_label(facts: CaseFacts, spatial_dims: int, classes: Classes | None) -> None:
    """Fill in the facts of the label; its faults are added, never raised."""
    case = facts.case
    files = list(label_files(case))
    try:
        facts.label = LabelFacts(_stored(files[0]))
        if classes is None:
            facts.label.values = _values(files[0], spatial_dims)
            return
        masks = _masks(facts, spatial_dims, classes)
    except DataError as error:
        facts.faults.append(Fault.of(error))
        return
    if facts.image is not None and masks.shape[1:] != facts.image.size:
        sizes = f"mask is {size_text(masks.shape[1:])}, its image {images_of(case)[0]} is {size_text(facts.image.size)}"
        facts.fault("error", "size", files[0], f"{sizes}; make them equal")
    facts.label.shares = tuple(float(mask.mean()) for mask in masks)
    _look_at_shares(facts, files[0], classes)
    if is_volume(files[0]):
        _look_at_place(facts, files[0])


def _stored(file: str) -> str:
    return volume_geometry(file).stored_as if is_volume(file) else picture_mode(file)


def _values(file: str, spatial_dims: int) -> tuple[int, ...]:
    return tuple(int(value) for value in np.unique(label_values(file, spatial_dims)) if value)


def _masks(facts: CaseFacts, spatial_dims: int, classes: Classes) -> Array:
    """Return the classes' masks `[K, *spatial]`."""
    label = facts.label
    assert label is not None
    if classes.kind != "masks":
        if classes.kind == "values":
            label.values = _values(str(facts.case["label"][0]), spatial_dims)
        return read_label(facts.case, spatial_dims, classes)[0]
    if len(facts.case["label"]) != len(classes):
        raise DataError(f"{images_of(facts.case)[0]}: has masks of {len(facts.case['label'])} classes", "classes")
    return np.stack([_channel(facts, label, channel, spatial_dims) for channel in _channels(facts.case)])


def _channels(case: Case) -> Iterator[list[str]]:
    for channel in case["label"]:
        yield [channel] if isinstance(channel, str) else channel


def _channel(facts: CaseFacts, label: LabelFacts, files: list[str], spatial_dims: int) -> Array:
    """Return the union of the masks of a class, and note its instances and grey edges."""
    total: Array | None = None
    for file in files:
        mask, had_edges = read_mask(file, spatial_dims)
        if had_edges and not label.greys:
            values = mask_values(file, spatial_dims)
            label.greys = len(np.unique(values))
            label.overcount = float((values > 0).sum() / max(1, mask.sum()))
        if len(files) > 1 and not mask.any():
            facts.fault("warning", "empty_instance", file, "is empty; remove it")
        if total is not None and total.shape != mask.shape:
            sizes = f"{size_text(mask.shape)}, the case's other masks are {size_text(total.shape)}"
            raise DataError(f"{file}: is {sizes}; make them equal", "size")
        total = mask.astype(np.uint16) if total is None else total + mask
    assert total is not None
    if len(files) > 1 or isinstance(facts.case["label"][0], list):
        label.instances += len(files)
        label.overlapping += int((total > 1).sum())
    return total > 0


def _look_at_shares(facts: CaseFacts, file: str, classes: Classes) -> None:
    shares = facts.label.shares if facts.label else ()
    if not any(shares):
        facts.fault("warning", "empty", file, "mask is empty; nothing is to be found in this case")
    for name, share in zip(classes.names, shares, strict=True):
        if share > INVERTED:
            message = f"{name} covers {share:.0%} of the image; is the mask inverted?"
            facts.fault("warning", "inverted", file, message)


def _look_at_place(facts: CaseFacts, file: str) -> None:
    """Compare where the label lies with where the image lies."""
    image, label = volume_geometry(images_of(facts.case)[0]), volume_geometry(file)
    if "float" in label.stored_as:
        facts.fault("warning", "float_label", file, f"label is stored as {label.stored_as}; write it as uint8")
    if image.orientation != label.orientation:
        message = f"points to {label.orientation}, its image to {image.orientation}; write both in one orientation"
        facts.fault("error", "orientation", file, message)
    elif not np.allclose(image.spacing, label.spacing, atol=TOLERANCE):
        told = "its spacing is {}, its image's {} mm; mend its header".format(
            *(" x ".join(f"{length:g}" for length in geometry.spacing) for geometry in (label, image))
        )
        facts.fault("error", "spacing", file, told)
    elif not np.allclose(image.affine, label.affine, atol=1.0):
        facts.fault("warning", "origin", file, "lies elsewhere than its image by its header; mend the header")
