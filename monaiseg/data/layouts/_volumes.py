"""The layouts of the Medical Segmentation Decathlon and of nnU-Net: `imagesTr` with `labelsTr`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from monaiseg._files import read_json
from monaiseg.data.cases import Case, by_stem, image_files, stem
from monaiseg.data.classes import Classes, classes_in_json
from monaiseg.data.layouts._listing import Layout, Listing
from monaiseg.errors import DataError

IMAGES, LABELS, FACTS = "imagesTr", "labelsTr", "dataset.json"
_CHANNEL = re.compile(r"(.+)_(\d{4})")


def has_folders(root: Path) -> bool:
    return (root / IMAGES).is_dir() and (root / LABELS).is_dir()


def _is_nnunet(root: Path) -> bool:
    if not has_folders(root):
        return False
    images, labels = image_files(root / IMAGES), {stem(path) for path in image_files(root / LABELS)}
    return bool(images) and all(_CHANNEL.fullmatch(stem(path)) and stem(path) not in labels for path in images)


def _listing(root: Path) -> Listing:
    """Return an empty listing that knows the classes."""
    if not has_folders(root):
        raise DataError(f"{root}: no folders {IMAGES} and {LABELS} in it")
    return Listing(classes=_classes(root))


def _nnunet(root: Path) -> Listing:
    """List `imagesTr/<case>_0000.*`, a file a channel, with `labelsTr/<case>.*`."""
    listing = _listing(root)
    channels: dict[str, dict[str, str]] = {}
    for name, path in by_stem(root / IMAGES, listing.faults).items():
        match = _CHANNEL.fullmatch(name)
        if match is None:
            listing.faults.append(DataError(f"{path}: has no channel number; name it {name}_0000.*", "name"))
        else:
            channels.setdefault(match[1], {})[match[2]] = str(path)
    every = sorted({number for files in channels.values() for number in files})
    labels = by_stem(root / LABELS, listing.faults)
    for name, files in channels.items():
        lacking = next((number for number in every if number not in files), None)
        if lacking is not None:
            fault = f"{next(iter(files.values()))}: the case has no channel {lacking}, as others have; add it"
            listing.faults.append(DataError(fault, "unpaired"))
            labels.pop(name, None)
        else:
            _add(listing, name, [files[number] for number in every], labels, root)
    listing.leave_out(labels.values())
    return listing


def _decathlon(root: Path) -> Listing:
    """List `imagesTr/<case>.*` with `labelsTr/<case>.*`."""
    listing = _listing(root)
    labels = by_stem(root / LABELS, listing.faults)
    for name, path in by_stem(root / IMAGES, listing.faults).items():
        _add(listing, name, [str(path)], labels, root)
    listing.leave_out(labels.values())
    return listing


def _add(listing: Listing, name: str, images: list[str], labels: dict[str, Path], root: Path) -> None:
    label = labels.pop(name, None)
    if label is None:
        fault = f"{images[0]}: no label {name}.* in {root / LABELS}; add it or remove the image"
        listing.faults.append(DataError(fault, "unpaired"))
        return
    image = images[0] if len(images) == 1 else images
    listing.cases.append(Case(image=image, label=[str(label)], id=name, group=None))


def _classes(root: Path) -> Classes | None:
    """Return the classes that `dataset.json` names, or None where there is none."""
    path = root / FACTS
    if not path.is_file():
        return None
    try:
        facts: dict[str, Any] = read_json(path)
        labels = dict(facts["labels"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: has no labels that can be read ({error}); mend or remove it") from error
    return classes_in_json(labels, str(path))


VOLUMES = (
    Layout("nnunet", "imagesTr/<case>_0000.* with labelsTr/<case>.*", _is_nnunet, _nnunet),
    Layout("decathlon", "imagesTr/<case>.nii.gz with labelsTr/<case>.nii.gz", has_folders, _decathlon),
)
