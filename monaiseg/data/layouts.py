"""Turns a folder as people have it into cases: each layout says whether it recognises a folder, and lists it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from monaiseg.data.cases import Case, Channel, by_stem, image_files, stem
from monaiseg.errors import ConfigError, DataError, suggest

logger = logging.getLogger("monaiseg")

IMAGES = ("images", "image", "imgs")
MASKS = ("masks", "mask", "labels", "label")
TRAIN = ("train", "training")
VALIDATION = ("validation", "val", "valid")


@dataclass(frozen=True)
class Layout:
    """A way to lay cases out in a folder.

    Attributes:
        name: what `layout` calls it.
        looks_like: how the folder looks, for error messages.
        recognises: whether a folder looks so.
        cases: lists the cases of such a folder.
    """

    name: str
    looks_like: str
    recognises: Callable[[Path], bool]
    cases: Callable[[Path], list[Case]]


def subfolder(root: Path, names: tuple[str, ...]) -> Path | None:
    """Return the subfolder with the first of the names that exists, whatever its case."""
    folders = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    return next((folders[name] for name in names if name in folders), None)


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_dsb2018(root: Path) -> bool:
    folders = _subfolders(root)
    if not folders or not (folders[0] / "images").is_dir() or (root / "images").is_dir():
        return False
    images = image_files(folders[0] / "images")
    return len(images) == 1 or any(stem(image) == folders[0].name for image in images)


def _dsb2018_cases(root: Path) -> list[Case]:
    """List `<id>/images/<id>.png` with `<id>/masks/*.png`, one file a nucleus, merged into one mask."""
    cases = []
    for folder in _subfolders(root):
        images = image_files(folder / "images") if (folder / "images").is_dir() else []
        if len(images) != 1:
            raise DataError(f"{folder / 'images'}: holds {len(images)} images; a DSB2018 case has exactly one")
        masks = image_files(folder / "masks") if (folder / "masks").is_dir() else []
        if not masks:
            raise DataError(f"{images[0]}: no mask in {folder / 'masks'}; add one or remove the case")
        cases.append(Case(image=str(images[0]), label=[[str(mask) for mask in masks]], id=folder.name, group=None))
    return cases


def _pair(images: Path, masks: list[Path]) -> list[Case]:
    """Pair images by stem with the file of the same stem in each mask folder."""
    labels = [by_stem(folder) for folder in masks]
    cases = []
    for name, image in by_stem(images).items():
        channels: list[Channel] = []
        for folder, files in zip(masks, labels, strict=True):
            if name not in files:
                raise DataError(f"{image}: no mask {name}.* in {folder}; add it or remove the image")
            channels.append(str(files.pop(name)))
        cases.append(Case(image=str(image), label=channels, id=name, group=None))
    for folder, files in zip(masks, labels, strict=True):
        if files:
            logger.warning("%s: %d masks have no image and are left out, %s first", folder, len(files), min(files))
    return cases


def _is_images_masks(root: Path) -> bool:
    images, masks = subfolder(root, IMAGES), subfolder(root, MASKS)
    return images is not None and masks is not None and not _subfolders(masks)


def _images_masks_cases(root: Path) -> list[Case]:
    images, masks = subfolder(root, IMAGES), subfolder(root, MASKS)
    if images is None or masks is None:
        raise DataError(f"{root}: no folders images and masks in it")
    return _pair(images, [masks])


def _is_class_masks(root: Path) -> bool:
    images, masks = subfolder(root, IMAGES), subfolder(root, MASKS)
    return images is not None and masks is not None and bool(_subfolders(masks))


def _class_masks_cases(root: Path) -> list[Case]:
    images, masks = subfolder(root, IMAGES), subfolder(root, MASKS)
    if images is None or masks is None:
        raise DataError(f"{root}: no folders images and masks in it")
    classes = sorted(_subfolders(masks), key=_natural)
    if not classes:
        raise DataError(f"{masks}: no class folders in it; expected masks/<class>/<stem>.*")
    return _pair(images, classes)


def _natural(path: Path) -> list[int | str]:
    """Return a sorting key that puts 2 before 10."""
    parts = re.split(r"([0-9]+)", path.name)
    return [int(part) if number else part for part, number in zip(parts, cycle((False, True)), strict=False)]


LAYOUTS = (
    Layout("dsb2018", "<id>/images/*.png with <id>/masks/*.png", _is_dsb2018, _dsb2018_cases),
    Layout("images_masks", "images/<stem>.* with masks/<stem>.*", _is_images_masks, _images_masks_cases),
    Layout("class_masks", "images/<stem>.* with masks/<class>/<stem>.*", _is_class_masks, _class_masks_cases),
)


def split_folders(root: Path) -> tuple[Path, Path] | None:
    """Return the training and the validation folder of a root that comes split, else None."""
    train, validation = subfolder(root, TRAIN), subfolder(root, VALIDATION)
    return (train, validation) if train is not None and validation is not None else None


def list_cases(root: Path, layout: str = "auto") -> tuple[str, list[Case]]:
    """Return the name of the folder's layout and its cases, sorted by id.

    Raises:
        ConfigError: there is no such layout.
        DataError: the folder cannot be recognised, holds no case, or one that cannot be used.
    """
    if layout != "auto" and layout not in (names := [known.name for known in LAYOUTS]):
        raise ConfigError(f"layout is {layout!r}{suggest(str(layout), [*names, 'auto'])}")
    taken = next(
        (known for known in LAYOUTS if layout == known.name or (layout == "auto" and known.recognises(root))), None
    )
    if taken is None:
        expected = "; ".join(known.looks_like for known in LAYOUTS)
        what = "the folder is empty" if not any(root.iterdir()) else "no known layout"
        raise DataError(f"{root}: {what}; expected one of: {expected}; or train and validation folders of these")
    cases = sorted(taken.cases(root), key=lambda case: case["id"])
    if not cases:
        raise DataError(f"{root}: no images in it; expected {taken.looks_like}")
    return taken.name, cases
