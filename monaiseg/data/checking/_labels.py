"""Looks at the label of a case: whether it is what its classes say, covers something, and lies where the image lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg.data.cases import Case, images_of, label_files
from monaiseg.data.checking._facts import CaseFacts, Fault, LabelFacts
from monaiseg.data.checking._instances import Instances
from monaiseg.data.classes import Classes
from monaiseg.data.labels import label_values, read_instances, read_label
from monaiseg.data.masks import binarise, mask_values
from monaiseg.data.pictures import picture_mode
from monaiseg.data.placement import misplaced
from monaiseg.data.reading import size_text
from monaiseg.data.volumes import is_volume, volume_geometry
from monaiseg.errors import DataError

Array = npt.NDArray[Any]

NEARLY_ALL = 0.95
"""A class that covers more than this share of an image may have its mask inverted."""

BORDER = 0.8
"""So may a mask that covers more than half of the image and this share of its border: what is sought lies inside."""

FLOATS = ("F", "float", "double", "float32", "float64", "float16")
"""How Pillow, NIfTI and NRRD call what is stored as floating point."""


def look_at_label(facts: CaseFacts, spatial_dims: int, classes: Classes) -> None:
    """Fill in the facts of the label; its faults are added, never raised."""
    files = list(label_files(facts.case))
    try:
        facts.label = LabelFacts(_stored(files[0]))
        masks = _masks(facts, facts.label, spatial_dims, classes)
        _look_at_headers(facts, files)
    except DataError as error:
        facts.faults.append(Fault.of(error))
        return
    if facts.image is not None and masks.shape[1:] != facts.image.size:
        sizes = f"mask is {size_text(masks.shape[1:])}, its image {images_of(facts.case)[0]} is"
        facts.fault("error", "size", files[0], f"{sizes} {size_text(facts.image.size)}; make them equal")
    facts.label.shares = tuple(float(mask.mean()) for mask in masks)
    _look_at_shares(facts, files[0], masks, classes)


def _stored(file: str) -> str:
    return volume_geometry(file).stored_as if is_volume(file) else picture_mode(file)


def _masks(facts: CaseFacts, label: LabelFacts, spatial_dims: int, classes: Classes) -> Array:
    """Return the classes' masks `[K, *spatial]`."""
    if classes.kind == "instances":
        ids, _ = read_instances(facts.case, spatial_dims, classes)
        label.instances = int(np.count_nonzero(np.unique(ids)))
        return np.asarray(ids != 0, dtype=np.uint8)
    if classes.kind != "masks":
        keyed, _ = read_label(facts.case, spatial_dims, classes)
        if classes.kind == "values":
            values = np.unique(label_values(str(facts.case["label"][0]), spatial_dims))
            label.values = tuple(int(value) for value in values if value)
        return keyed
    if len(facts.case["label"]) != len(classes):
        told = f"has masks of {len(facts.case['label'])} classes, not of {len(classes)} ({classes}); add those it lacks"
        raise DataError(f"{images_of(facts.case)[0]}: {told}", "classes")
    masks = [_channel(facts, label, channel, spatial_dims) for channel in _channels(facts.case)]
    for channel, mask in zip(_channels(facts.case), masks, strict=True):
        if mask.shape != masks[0].shape:
            sizes = f"{size_text(mask.shape)}, the first class's mask is {size_text(masks[0].shape)}"
            raise DataError(f"{channel[0]}: is {sizes}; make them equal", "size")
    return np.stack(masks)


def _channels(case: Case) -> Iterator[list[str]]:
    for channel in case["label"]:
        yield [channel] if isinstance(channel, str) else channel


def _channel(facts: CaseFacts, label: LabelFacts, files: list[str], spatial_dims: int) -> Array:
    """Return the union of the masks of a class, and note its values, instances and grey edges."""
    instances = Instances()
    one_each = len(files) > 1 or isinstance(facts.case["label"][0], list)
    for file in files:
        values = mask_values(file, spatial_dims)
        mask, had_edges = binarise(values, file)
        _note_values(label, values, mask, had_edges)
        if len(files) > 1 and not mask.any():
            facts.fault("warning", "empty_instance", file, "is empty; remove it")
        told = instances.add(file, mask)
        if told:
            facts.fault("warning", "overlap", file, told)
    if one_each:
        label.instances += len(files)
        label.overlapping += instances.overlapping
    return instances.union


def _note_values(label: LabelFacts, values: Array, mask: Array, had_edges: bool) -> None:
    if not had_edges:
        label.values = tuple({*label.values, int(values.max())} - {0})
    elif not label.greys:
        label.greys = len(np.unique(values))
        label.overcount = float((values > 0).sum() / max(1, mask.sum()))


def _look_at_headers(facts: CaseFacts, files: list[str]) -> None:
    """Add labels that are stored as floating point, and those that lie elsewhere than the image."""
    if facts.label is not None and facts.label.stored in FLOATS:
        told = f"label is stored as {facts.label.stored}; write it as uint8"
        facts.fault("warning", "float_label", files[0], told)
    image = facts.image.geometry if facts.image is not None else None
    for file in files if image is not None and image.sound else ():
        found = misplaced(image, volume_geometry(file)) if image is not None and is_volume(file) else None
        if found is not None:
            facts.fault(found.severity, found.kind, file, found.message)


def _look_at_shares(facts: CaseFacts, file: str, masks: Array, classes: Classes) -> None:
    shares = facts.label.shares if facts.label else ()
    if not any(shares):
        facts.fault("warning", "empty", file, "mask is empty; nothing is to be found in this case")
    for name, share, mask in zip(classes.names, shares, masks, strict=True):
        outside = classes.kind == "masks" and share > 0.5 and _border_share(mask) >= BORDER
        if share > NEARLY_ALL or outside:
            border = f" and {_border_share(mask):.0%} of its border" if outside else ""
            told = f"{name} covers {share:.0%} of the image{border}; is the mask inverted?"
            facts.fault("warning", "inverted", file, told)


def _border_share(mask: Array) -> float:
    """Return the share of a mask's outermost pixels that it covers."""
    inner = mask[(slice(1, -1),) * mask.ndim]
    return float((mask.sum() - inner.sum()) / max(1, mask.size - inner.size))
