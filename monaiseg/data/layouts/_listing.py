"""What every layout says of a folder: its cases, its classes where it tells them, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from monaiseg.data.cases import Case, image_files, stem
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.names import natural
from monaiseg.errors import DataError

IMAGES = ("images", "image", "imgs", "original", "originals", "frames")
MASKS = ("masks", "mask", "labels", "label", "ground truth", "ground_truth", "groundtruth", "gt", "annotations")


SPLIT = {
    "train": ("train", "training", "traindataset"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing", "testdataset"),
}
"""What the folders of a set that comes split may be called."""


@dataclass
class Listing:
    """What a layout found in a folder.

    Attributes:
        cases: those that are whole.
        classes: what the layout itself tells of them; None: the label files tell.
        parts: the cases by part, where the folder or the list comes split.
        folds: the fold of each case by its id, where a list tells them.
        faults: what makes a case unusable, an error each.
        notes: what is left out, a sentence each.
        orphans: the masks and labels without image, which are left out.
        spared: what makes test cases unusable, which no training needs.
        left_out: by its first image, why a case is not to be used.
    """

    cases: list[Case] = field(default_factory=list)
    classes: Classes | None = None
    parts: dict[str, list[Case]] = field(default_factory=dict)
    folds: dict[str, int] = field(default_factory=dict)
    faults: list[DataError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    spared: list[DataError] = field(default_factory=list)

    def leave_out(self, files: Iterable[Path]) -> None:
        """Take masks that have no image."""
        self.orphans += map(str, files)


@dataclass
class FoundData:
    """What was found under a folder.

    Attributes:
        root: where, which may be below the folder that was given.
        layout: how it is laid out.
        parts: the cases by part: `all`, or `train`, `validation` and `test` as far as the folder comes split; each
            sorted by id.
        classes: what the layout tells of the classes; None: the label files tell.
        faults: what makes cases unusable.
        notes: what was chosen or left out, a sentence each.
        orphans: the masks and labels without image, which are left out.
        folds: the fold of each case by its id, where a list tells them; else empty.
        spared: what makes test cases unusable, which no training needs.
    """

    root: Path
    layout: str
    parts: dict[str, list[Case]]
    classes: Classes | None = None
    faults: list[DataError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    folds: dict[str, int] = field(default_factory=dict)
    spared: list[DataError] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path, layout: str, listing: Listing) -> FoundData:
        """Return what a layout found in a folder."""
        parts = {
            part: sorted(cases, key=lambda case: case["id"])
            for part, cases in (listing.parts or {"all": listing.cases}).items()
        }
        kept = {name: getattr(listing, name) for name in ("classes", "faults", "notes", "orphans", "folds", "spared")}
        return cls(root, layout, parts, **kept)

    @property
    def said(self) -> list[str]:
        """The notes, and one for each folder with masks that are left out."""
        orphans: dict[Path, list[str]] = {}
        for path in map(Path, self.orphans):
            orphans.setdefault(path.parent, []).append(stem(path))
        told = "masks without image are left out"
        idle = [f"{folder}: {told}, {len(names)} of them, {min(names)} first" for folder, names in orphans.items()]
        return self.notes + idle

    @property
    def cases(self) -> list[Case]:
        """The cases of all parts."""
        return [case for cases in self.parts.values() for case in cases]


def spare_test(found: Listing | FoundData, folder: Path) -> None:
    """Turn the faults of a test part into a note: no training uses it, so none must stop one."""
    if found.faults:
        told = f"{len(found.faults)} faults in the test part; what they concern is left out"
        found.notes.append(f"{folder}: {told}, first {found.faults[0]}")
        found.spared += found.faults
        found.faults = []


def merged_classes(listing: Listing) -> Classes | None:
    """Return one class where several masks make a label, which only two-valued ones can; else None."""
    several = any(not isinstance(channel, str) for case in listing.cases for channel in case["label"])
    return FOREGROUND if several else None


@dataclass(frozen=True)
class Layout:
    """A way to lay cases out in a folder.

    Attributes:
        name: what `layout` calls it.
        looks_like: how the folder looks, for error messages.
        recognises: whether a folder looks so.
        read: lists the cases of such a folder.
    """

    name: str
    looks_like: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], Listing]


def subfolders(root: Path) -> list[Path]:
    """Return the subfolders that are not hidden, in natural order."""
    return sorted((path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")), key=by_name)


def subfolder(root: Path, names: tuple[str, ...]) -> Path | None:
    """Return the subfolder with the first of the names that exists, whatever its case."""
    folders = {path.name.lower(): path for path in subfolders(root)}
    return next((folders[name] for name in names if name in folders), None)


def part_folders(root: Path) -> dict[str, Path]:
    """Return the subfolders that are called as the parts of a split, by part."""
    return {part: folder for part, names in SPLIT.items() if (folder := subfolder(root, names)) is not None}


def by_name(path: Path) -> list[int | str]:
    """Return a key that sorts paths by their names, 2 before 10."""
    return natural(path.name)


def images_and_masks(root: Path) -> tuple[Path, Path] | None:
    """Return the folders of the images and of the masks; the images' may have any name where it is the only other."""
    masks = subfolder(root, MASKS)
    if masks is None:
        return None
    images = subfolder(root, IMAGES)
    if images is None:
        others = [folder for folder in subfolders(root) if folder != masks and image_files(folder)]
        images = others[0] if len(others) == 1 else None
    return None if images is None else (images, masks)
