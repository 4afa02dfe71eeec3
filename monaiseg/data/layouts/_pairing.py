"""Images with masks in a folder beside theirs, paired by name, never by order; or with a folder of masks a class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from monaiseg.data.cases import Case, Channel, by_stem, image_files, name_fault, stem
from monaiseg.data.classes import Classes, classes_beside
from monaiseg.data.layouts._listing import (
    SPLIT,
    Layout,
    Listing,
    by_name,
    images_and_masks,
    merged_classes,
    part_folders,
    spare_test,
    subfolder,
    subfolders,
)
from monaiseg.errors import DataError

MASK_NAMES = ("{}", "p{}", "{}_mask", "{}_segmentation", "{}_gt", "{}_label")
"""How a mask may be called after its image: alike; as ETIS-Larib and CVC-ColonDB have it; as ISIC has it; ..."""

_FURTHER = re.compile(r"_[0-9]+$")


def mask_name(images: Iterable[str], masks: Mapping[str, Path]) -> str:
    """Return the one of MASK_NAMES that pairs most images with a mask."""
    return max(MASK_NAMES, key=lambda pattern: sum(pattern.format(name) in masks for name in images))


def masks_by_image(images: Iterable[str], files: Mapping[str, Path], pattern: str) -> dict[str, list[Path]]:
    """Return the masks of each image that has one: `x_mask` and, as BUSI has them, `x_mask_1` and so on."""
    owners = {pattern.format(name): name for name in images}
    found: dict[str, list[Path]] = {}
    for key, path in files.items():
        # only where the name itself says "mask": else x_1 is rather a picture of its own
        base = _FURTHER.sub("", key) if pattern.startswith("{}_") and key not in owners else key
        if base in owners:
            found.setdefault(owners[base], []).append(path)
    return found


def channel_of(masks: Sequence[Path]) -> Channel:
    """Return the masks of one class as a label channel."""
    return str(masks[0]) if len(masks) == 1 else [str(mask) for mask in masks]


def _pair(images: Path, folders: Sequence[Path]) -> Listing:
    """List the images with the masks of their names in each mask folder."""
    listing = Listing()
    found = by_stem(images, listing.faults)
    patterns, masks = [], []
    for folder in folders:
        files = by_stem(folder, listing.faults)
        patterns.append(mask_name(found, files))
        masks.append(masks_by_image(found, files, patterns[-1]))
        used = {path for paths in masks[-1].values() for path in paths}
        listing.leave_out(path for path in files.values() if path not in used)
    if idle := [folder.name for folder in subfolders(images)]:
        listing.notes.append(f"{images}: {', '.join(idle)} in it not looked at, because images lie beside")
    for name, image in found.items():
        lacking = [folder for folder, owned in zip(folders, masks, strict=True) if name not in owned]
        if lacking:
            fault = f"{image}: no mask {patterns[0].format(name)}.* in {lacking[0]}; add it or remove the image"
            listing.faults.append(DataError(fault, "unpaired"))
            continue
        label = [channel_of(owned[name]) for owned in masks]
        listing.cases.append(Case(image=str(image), label=label, id=name, group=None))
    return listing


def _class_folders(images: Path, masks: Path) -> list[Path]:
    """Return the folders of the classes: none where the masks lie in their folder itself."""
    names = [stem(path) for path in image_files(images)]
    files = {stem(path): path for path in image_files(masks)}
    if masks_by_image(names, files, mask_name(names, files)):
        return []
    return sorted(subfolders(masks), key=by_name)


def _read_masks(images: Path, masks: Path) -> Listing:
    listing = _pair(images, [masks])
    listing.classes = merged_classes(listing)
    if idle := [folder.name for folder in subfolders(masks)]:
        listing.notes.append(f"{masks}: {', '.join(idle)} in it not looked at, because masks lie beside")
    return listing


def _read_classes(images: Path, masks: Path) -> Listing:
    classes = _class_folders(images, masks)
    if not classes:
        raise DataError(f"{masks}: no class folders in it; expected masks/<class>/<stem>.*")
    if fault := next((fault for folder in classes if (fault := name_fault(folder))), None):
        raise fault
    listing = _pair(images, classes)
    listing.leave_out(image_files(masks))
    listing.classes = Classes("masks", tuple(folder.name for folder in classes))
    return listing


def _comes_split(images: Path) -> bool:
    parts = part_folders(images)
    return "train" in parts and len(parts) > 1 and not image_files(images)


def _layout_of(root: Path) -> str:
    """Return which of the two layouts a folder has, or nothing."""
    folders = images_and_masks(root)
    if folders is None:
        return ""
    images, masks = folders
    if _comes_split(images):
        images, masks = part_folders(images)["train"], subfolder(masks, SPLIT["train"]) or masks
    return "class_masks" if _class_folders(images, masks) else "images_masks"


def _read(root: Path, read: Callable[[Path, Path], Listing]) -> Listing:
    folders = images_and_masks(root)
    if folders is None:
        raise DataError(f"{root}: no folders images and masks in it")
    listing = _read_parts(*folders, read) if _comes_split(folders[0]) else read(*folders)
    listing.classes = listing.classes if read is _read_classes else classes_beside(root) or listing.classes
    return listing


def _read_parts(images: Path, masks: Path, read: Callable[[Path, Path], Listing]) -> Listing:
    """List a set whose folders `images` and `masks` have a folder a part."""
    whole = Listing()
    for part, folder in part_folders(images).items():
        beside = subfolder(masks, SPLIT[part])
        if beside is None and part == "test":
            whole.notes.append(f"{folder}: no masks for the test part in {masks}; it is left out")
        elif beside is None:
            raise DataError(f"{masks}: has no folder {folder.name}, as {images} has; add it")
        else:
            _add_part(whole, part, read(folder, beside), folder)
    return whole


def _add_part(whole: Listing, part: str, one: Listing, folder: Path) -> None:
    if part == "test":
        spare_test(one, folder)
    elif whole.parts and one.classes != whole.classes:
        raise DataError(f"{folder}: its masks have other classes than those of training; make them equal")
    whole.faults += one.faults
    whole.notes += one.notes
    whole.orphans += one.orphans
    whole.spared += one.spared
    if part == "test" and (not one.cases or one.classes != whole.classes):
        whole.notes.append(f"{folder}: has no masks of the classes of training; the test part is left out")
        return
    whole.classes = one.classes
    whole.parts[part] = one.cases
    whole.cases += one.cases


PAIRED = (
    Layout(
        "images_masks",
        "images/<stem>.* with masks/<stem>.*",
        lambda root: _layout_of(root) == "images_masks",
        lambda root: _read(root, _read_masks),
    ),
    Layout(
        "class_masks",
        "images/<stem>.* with masks/<class>/<stem>.*",
        lambda root: _layout_of(root) == "class_masks",
        lambda root: _read(root, _read_classes),
    ),
)
