"""Images to predict: those of a folder, or of a set as people have it, whose labels are left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monaiseg._wording import counted
from monaiseg.data.cases import IMAGE_SUFFIXES, Case, by_stem, image_files, images_of, stem
from monaiseg.data.finding import every_case
from monaiseg.data.layouts import find_data
from monaiseg.errors import DataError


def find_cases(folder: str | Path, image_files_each: int = 1) -> list[Case]:
    """Return the images of a folder, or the one image that `folder` is, as cases without labels.

    A folder that has none itself, but is a set as `find_data` recognises it, gives those of the set.

    Args:
        image_files_each: of how many files an image is; of several, their names end in `_0000`, `_0001` and so on.

    Raises:
        DataError: there is no such folder, no image in it, two images of one stem, or an image lacks a file.
    """
    path = Path(folder)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    files = list(by_stem(path).values()) if path.is_dir() else [path]
    if not files:
        return _of_a_set(path, image_files_each)
    if image_files_each > 1:
        return _of_several_files(path, files, image_files_each)
    return [Case(image=str(file), label=[], id=stem(file), group=None) for file in files]


def _of_a_set(folder: Path, count: int) -> list[Case]:
    try:
        found = find_data(folder)
    except DataError as error:
        within = [path for path in sorted(folder.iterdir()) if path.is_dir() and list(image_files(path))]
        told = f"; {', '.join(map(str, within[:3]))} has some: give that" if within else ""
        expected = f"expected files ending in {', '.join(IMAGE_SUFFIXES)}, or a set as docs/data.md has them"
        raise DataError(f"{folder}: no images in it{told or f'; {expected}'}") from error
    cases = [Case(image=case["image"], label=[], id=case["id"], group=None) for case in every_case(found)]
    for case in cases:
        if len(images_of(case)) != count:
            raise DataError(
                f"{folder}: {case['id']} has {counted(len(images_of(case)), 'image file')}; the network takes {count}"
            )
    print(f"data: {counted(len(cases), 'image')} of the set {found.root}, layout {found.layout}")
    return cases


def _of_several_files(folder: Path, files: Sequence[Path], count: int) -> list[Case]:
    images: dict[str, list[str]] = {}
    for file in files:
        name, _, channel = stem(file).rpartition("_")
        if not channel.isdigit():
            raise DataError(f"{file}: has no channel number; the network takes {count} files an image")
        images.setdefault(name, []).append(str(file))
    for name, channels in images.items():
        if len(channels) != count:
            raise DataError(f"{folder}: {name} has {len(channels)} image files; the network takes {count}")
    return [Case(image=channels, label=[], id=name, group=None) for name, channels in images.items()]
