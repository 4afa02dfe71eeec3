"""Layouts of pictures, or of volumes laid out as pictures are: a file a nucleus, masks beside images, one folder."""

from __future__ import annotations

import re
from pathlib import Path

from monaiseg.data.cases import Case, Channel, by_stem, image_files, name_fault, stem
from monaiseg.data.classes import FOREGROUND, classes_beside
from monaiseg.data.layouts._listing import Layout, Listing, merged_classes, part_folders, subfolders
from monaiseg.data.layouts._pairing import MASK_NAMES, PAIRED, channel_of, masks_by_image
from monaiseg.errors import DataError


def _is_dsb2018(root: Path) -> bool:
    folders = subfolders(root)
    if not folders or not (folders[0] / "images").is_dir() or (root / "images").is_dir():
        return False
    if part_folders(root):  # a test part of one image looks like a case, but for its name
        return False
    images = {stem(image) for image in image_files(folders[0] / "images")}
    if folders[0].name in images:
        return True
    nuclei = folders[0] / "masks"
    return len(images) == 1 and not (nuclei.is_dir() and images & {stem(mask) for mask in image_files(nuclei)})


def _dsb2018(root: Path) -> Listing:
    """List `<id>/images/<id>.png` with `<id>/masks/*.png`, one file a nucleus, merged into one mask."""
    listing = Listing(classes=FOREGROUND)
    for folder in subfolders(root):
        images = image_files(folder / "images") if (folder / "images").is_dir() else []
        masks = image_files(folder / "masks") if (folder / "masks").is_dir() else []
        fault = _fault(folder, images, masks)
        if fault:
            listing.faults.append(fault)
        else:
            label: list[Channel] = [[str(mask) for mask in masks]]
            listing.cases.append(Case(image=str(images[0]), label=label, id=folder.name, group=None))
    return listing


def _fault(folder: Path, images: list[Path], masks: list[Path]) -> DataError | None:
    if len(images) != 1:
        wrong = f"{folder / 'images'}: holds {len(images)} images; a DSB2018 case has exactly one"
        return DataError(wrong, "unpaired")
    if not masks:
        return DataError(f"{images[0]}: no mask in {folder / 'masks'}; add one or remove the case", "unpaired")
    return next((fault for path in (*images, *masks) if (fault := name_fault(path))), None)


def _beside(root: Path) -> tuple[str, dict[str, Path]]:
    """Return how the masks of a folder are called after the images beside them, and its files by stem."""
    files = by_stem(root)
    counts = {pattern: sum(pattern.format(name) in files for name in files) for pattern in MASK_NAMES[1:]}
    best = max(counts, key=lambda pattern: counts[pattern])
    return (best if counts[best] else ""), files


def _is_side_by_side(root: Path) -> bool:
    return len(image_files(root)) > 1 and bool(_beside(root)[0])


def _side_by_side(root: Path) -> Listing:
    """List `<stem>.*` with `<stem>_mask.*`, or with `p<stem>.*`, in one folder."""
    pattern, files = _beside(root)
    listing = Listing()
    owned = masks_by_image(files, files, pattern) if pattern else {}
    masks = {path for paths in owned.values() for path in paths}
    idle = [path for name, path in files.items() if path not in masks and _is_mask(name, pattern)]
    listing.leave_out(idle)
    for name, image in files.items():
        if image in masks or image in idle:
            continue
        if name not in owned:
            fault = f"{image}: no mask {pattern.format(name)}.* beside it; add it or remove the image"
            listing.faults.append(DataError(fault, "unpaired"))
        else:
            listing.cases.append(Case(image=str(image), label=[channel_of(owned[name])], id=name, group=None))
    listing.classes = classes_beside(root) or merged_classes(listing)
    return listing


def _is_mask(name: str, pattern: str) -> bool:
    """Tell whether the name alone says so: `x_mask` does, `px` does not."""
    ending = pattern.removeprefix("{}")
    return pattern.startswith("{}_") and re.search(f"{ending}(_[0-9]+)?$", name) is not None


PICTURES = (Layout("dsb2018", "<id>/images/*.png with <id>/masks/*.png", _is_dsb2018, _dsb2018), *PAIRED)
SIDE_BY_SIDE = Layout("side_by_side", "<stem>.* with <stem>_mask.* beside it", _is_side_by_side, _side_by_side)
