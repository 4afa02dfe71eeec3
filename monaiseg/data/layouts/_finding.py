"""Looks for cases in a folder: in a list, in the folder itself, in its parts, or in its subfolders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from monaiseg.data.cases import images_of
from monaiseg.data.layouts._joining import Set, join_parts, join_sets, same_classes
from monaiseg.data.layouts._listing import FoundData, part_folders, spare_test, subfolders
from monaiseg.data.layouts._pictures import PICTURES, SIDE_BY_SIDE
from monaiseg.data.layouts._tables import LIST_SUFFIXES, LISTS, lists_in, read_list
from monaiseg.data.layouts._volumes import VOLUMES
from monaiseg.errors import DataError

LAYOUTS = (*VOLUMES, *PICTURES, LISTS, SIDE_BY_SIDE)
"""In the order in which `auto` tries them, but for a list that names files which exist: it comes first."""


def find(root: Path, layout: str, seen: set[Path]) -> FoundData | None:
    """Return what is in a folder or in a list of cases; None where nothing is recognised.

    Args:
        layout: the name of one, or `"auto"`.
        seen: the folders that were looked at before, which links may lead to again; takes those that are looked at.

    Raises:
        DataError: what is recognised cannot be used.
    """
    if root.is_file():
        return _file(root, layout)
    seen.add(root.resolve())
    lists = lists_in(root) if layout in ("auto", LISTS.name) else []
    listed = FoundData.of(root, LISTS.name, read_list(lists[0])) if len(lists) == 1 else None
    if listed is not None and (listed.cases or layout == LISTS.name):
        return _with_unlisted(listed, lists[0])
    found = _here(root, layout) or _split(root, layout, seen) or _below(root, layout, seen)
    if found is None:
        return listed
    if lists:
        found.notes.append(_unused(root, lists, listed))
    return found


def _file(path: Path, layout: str) -> FoundData:
    if path.suffix.lower() not in LIST_SUFFIXES:
        raise DataError(f"{path}: is a file and no list of cases; give a folder, or a .csv or .json that lists cases")
    if layout not in ("auto", LISTS.name):
        raise DataError(f"{path}: is a file, which layout {layout} is not; give its folder, or leave layout out")
    return FoundData.of(path, LISTS.name, read_list(path))


def _with_unlisted(listed: FoundData, path: Path) -> FoundData:
    """Note the images that lie in the folder but not in its list."""
    try:
        beside = _here(listed.root, "auto")
    except DataError:
        return listed
    named = {str(Path(file)) for case in listed.cases for file in images_of(case)}
    idle = [case["id"] for case in beside.cases if images_of(case)[0] not in named] if beside else []
    if idle:
        listed.notes.append(
            f"{path}: images beside it that it does not list are left out, {len(idle)} of them, {idle[0]} first"
        )
    return listed


def _unused(root: Path, lists: Sequence[Path], listed: FoundData | None) -> str:
    names = ", ".join(path.name for path in lists)
    if listed is None:
        return f"{root}: {names} list cases and are not used; give one of them as data_root"
    return f"{root}: {names} is not used, because none of its rows can be ({listed.faults[0]})"


def _here(root: Path, layout: str) -> FoundData | None:
    for known in LAYOUTS:
        if known is not LISTS and layout in ("auto", known.name) and known.recognises(root):
            return FoundData.of(root, known.name, known.read(root))
    return None


def _split(root: Path, layout: str, seen: set[Path]) -> FoundData | None:
    """Return the parts of a folder that comes split; None where training or validation is not recognised."""
    folders = part_folders(root)
    if "train" not in folders or len(folders) == 1:
        return None
    found = {part: one for part in ("train", "validation") if (one := _part(folders, part, layout, seen)) is not None}
    if set(folders) - {"test"} != set(found):
        return None
    notes = []
    if "test" in folders:
        test = _test_part(folders["test"], layout, seen, found["train"])
        found |= {"test": test} if isinstance(test, FoundData) else {}
        notes = [test] if isinstance(test, str) else []
    joined = join_parts(root, list(found.values()), {part: one.cases for part, one in found.items()})
    joined.notes += notes
    if idle := [folder.name for folder in subfolders(root) if folder not in folders.values()]:
        joined.notes.append(f"{root}: comes split; {', '.join(idle)} in it not looked at")
    return joined


def _part(folders: dict[str, Path], part: str, layout: str, seen: set[Path]) -> FoundData | None:
    return find(folders[part], layout, set(seen)) if part in folders else None


def _test_part(folder: Path, layout: str, seen: set[Path], train: FoundData) -> FoundData | str:
    """Return what a test part holds, or why it is left out: training does without it."""
    try:
        test = find(folder, layout, set(seen))
    except DataError as error:
        return f"{folder}: the test part is left out ({error})"
    if test is None:
        return f"{folder}: the test part is left out; it has no images with masks of a known layout"
    if not test.cases:
        return f"{folder}: the test part is left out; none of its cases can be used ({test.faults[0]})"
    if not same_classes(test.classes, train.classes):
        told = f"{test.classes or 'unnamed'}, not {train.classes or 'unnamed'}"
        return f"{folder}: the test part is left out; its classes are {told}"
    spare_test(test, folder)
    return test


def _below(root: Path, layout: str, seen: set[Path]) -> FoundData | None:
    """Return what the subfolders hold: one set, the same set twice, or sets side by side."""
    whole: list[Set] = []
    broken: list[Set] = []
    notes = []
    for folder in sorted(subfolders(root), key=Path.is_symlink):  # what a link leads to comes by its own name
        if folder.resolve() in seen:
            notes.append(f"{folder}: leads to a folder that is looked at by its own name; it is left out")
            continue
        found = find(folder, layout, seen)
        if found is not None:
            (whole if found.cases else broken).append((folder, found))
    _refuse_parts(root, whole)
    if not whole:
        return broken[0][1] if broken else None
    found = whole[0][1] if len(whole) == 1 else join_sets(root, whole)
    found.notes += notes + [_broken(folder, one.faults) for folder, one in broken]
    return found


def _broken(folder: Path, faults: Iterable[DataError]) -> str:
    first = next(iter(faults), "it lists none")
    return f"{folder}: none of its cases can be used, and it is left out ({first})"


def _refuse_parts(root: Path, sets: Sequence[Set]) -> None:
    """Raise DataError if one of the sets is a part of a split: joined to others it would train on its test cases."""
    folders = part_folders(root)
    found = [folder for folder, _ in sets]
    parts = [folder.name for folder in folders.values() if folder in found]
    others = [folder.name for folder in (*folders.values(), *found) if folder.name not in parts]
    if parts and (others or len(parts) > 1):
        known, rest = " and ".join(parts), " and ".join(dict.fromkeys(others)) or "a training part"
        raise DataError(
            f"{root}: a split of {known} is not completed by {rest}; lay it out as train and val (and test), each with "
            "images and masks, or give one folder as data_root"
        )
