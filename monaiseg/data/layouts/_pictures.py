"""Layouts of pictures, or of volumes laid out as pictures are: a mask a case, a folder a class, a file a nucleus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from monaiseg.data.cases import Case, Channel, by_stem, image_files, stem
from monaiseg.data.classes import Classes, classes_beside
from monaiseg.data.layouts._listing import Layout, Listing, images_and_masks, natural, subfolders
from monaiseg.errors import DataError

MASK_NAMES = ("{}", "p{}", "{}_mask", "{}_segmentation", "{}_gt", "{}_label")
"""How a mask may be called after its image: alike; as ETIS-Larib and CVC-ColonDB have it; as ISIC has it; ..."""


def _is_dsb2018(root: Path) -> bool:
    folders = subfolders(root)
    if not folders or not (folders[0] / "images").is_dir() or (root / "images").is_dir():
        return False
    images = {stem(image) for image in image_files(folders[0] / "images")}
    if folders[0].name in images:
        return True
    nuclei = folders[0] / "masks"
    return len(images) == 1 and not (nuclei.is_dir() and images & {stem(mask) for mask in image_files(nuclei)})


def _dsb2018(root: Path) -> Listing:
    """List `<id>/images/<id>.png` with `<id>/masks/*.png`, one file a nucleus, merged into one mask."""
    listing = Listing(classes=Classes("masks", ("foreground",)))
    for folder in subfolders(root):
        images = image_files(folder / "images") if (folder / "images").is_dir() else []
        masks = image_files(folder / "masks") if (folder / "masks").is_dir() else []
        if len(images) != 1:
            fault = f"{folder / 'images'}: holds {len(images)} images; a DSB2018 case has exactly one"
            listing.faults.append(DataError(fault, "unpaired"))
        elif not masks:
            listing.faults.append(
                DataError(f"{images[0]}: no mask in {folder / 'masks'}; add one or remove the case", "unpaired")
            )
        else:
            label: list[Channel] = [[str(mask) for mask in masks]]
            listing.cases.append(Case(image=str(images[0]), label=label, id=folder.name, group=None))
    return listing


def mask_name(images: Iterable[str], masks: Mapping[str, Path]) -> str:
    """Return the one of MASK_NAMES that pairs most images with a mask."""
    return max(MASK_NAMES, key=lambda pattern: sum(pattern.format(name) in masks for name in images))


def _pair(images: Path, masks: list[Path]) -> Listing:
    """Pair images by stem with the file of that name in each mask folder, never by order."""
    listing = Listing()
    found = [by_stem(images, listing.faults)]
    labels = [by_stem(folder, listing.faults) for folder in masks]
    patterns = [mask_name(found[0], files) for files in labels]
    for name, image in found[0].items():
        wanted = [pattern.format(name) for pattern in patterns]
        lacking = [folder for folder, files, key in zip(masks, labels, wanted, strict=True) if key not in files]
        if lacking:
            fault = f"{image}: no mask {wanted[0]}.* in {lacking[0]}; add it or remove the image"
            listing.faults.append(DataError(fault, "unpaired"))
            continue
        channels: list[Channel] = [str(files[key]) for files, key in zip(labels, wanted, strict=True)]
        listing.cases.append(Case(image=str(image), label=channels, id=name, group=None))
    for folder, files, pattern in zip(masks, labels, patterns, strict=True):
        idle = sorted(set(files) - {pattern.format(name) for name in found[0]})
        if idle:
            listing.notes.append(f"{folder}: {len(idle)} masks have no image and are left out, {idle[0]} first")
    return listing


def _is_images_masks(root: Path) -> bool:
    folders = images_and_masks(root)
    return folders is not None and not subfolders(folders[1])


def _images_masks(root: Path) -> Listing:
    folders = images_and_masks(root)
    if folders is None:
        raise DataError(f"{root}: no folders images and masks in it")
    listing = _pair(folders[0], [folders[1]])
    listing.classes = classes_beside(root)
    return listing


def _is_class_masks(root: Path) -> bool:
    folders = images_and_masks(root)
    return folders is not None and bool(subfolders(folders[1]))


def _class_masks(root: Path) -> Listing:
    folders = images_and_masks(root)
    if folders is None:
        raise DataError(f"{root}: no folders images and masks in it")
    classes = sorted(subfolders(folders[1]), key=natural)
    if not classes:
        raise DataError(f"{folders[1]}: no class folders in it; expected masks/<class>/<stem>.*")
    listing = _pair(folders[0], classes)
    listing.classes = Classes("masks", tuple(folder.name for folder in classes))
    return listing


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
    masks = {pattern.format(name) for name in files} & set(files) if pattern else set()
    listing = Listing(classes=classes_beside(root))
    for name, image in files.items():
        if name in masks:
            continue
        mask = files.get(pattern.format(name))
        if mask is None:
            fault = f"{image}: no mask {pattern.format(name)}.* beside it; add it or remove the image"
            listing.faults.append(DataError(fault, "unpaired"))
        else:
            listing.cases.append(Case(image=str(image), label=[str(mask)], id=name, group=None))
    return listing


PICTURES = (
    Layout("dsb2018", "<id>/images/*.png with <id>/masks/*.png", _is_dsb2018, _dsb2018),
    Layout("images_masks", "images/<stem>.* with masks/<stem>.*", _is_images_masks, _images_masks),
    Layout("class_masks", "images/<stem>.* with masks/<class>/<stem>.*", _is_class_masks, _class_masks),
)
SIDE_BY_SIDE = Layout("side_by_side", "<stem>.* with <stem>_mask.* beside it", _is_side_by_side, _side_by_side)
