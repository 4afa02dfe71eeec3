"""The folder that a conversion writes: where it may be, and that it can be read back before it gets its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monaiseg.data.class_values import find_classes
from monaiseg.data.converting._writer import Writer
from monaiseg.data.layouts import FoundData, find_data
from monaiseg.data.reading import image_shape
from monaiseg.errors import DataError, OutputError


def new_folder(output: Path, source: Path) -> Path:
    """Return the folder to write, without links.

    Raises:
        OutputError: it is the working folder, lies in the folder that is read, or is there already and not empty.
    """
    folder = output.resolve()
    if folder == Path.cwd() or not folder.name:
        raise OutputError(f"{output}: is the folder you work in; name a new one, such as {output / 'converted'}")
    if source.is_dir() and folder.is_relative_to(source.resolve()):
        raise OutputError(f"{output}: lies in {source}, which is read; choose a folder beside it")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{output}: is there already; choose another folder")
    return folder


def check_readable(partial: Path, output: Path, to: str, writers: Sequence[Writer]) -> None:
    """Raise DataError if the folder that was written would not be read as the same cases and classes.

    Folders are told apart by names, so that cases called `train` or `images`, say, could turn one layout into another.
    """
    wanted = sorted(case["id"] for writer in writers for case in writer.cases)
    names = set(writers[0].read_as().names)
    try:
        found = find_data(partial)
        reason = str(found.faults[0]) if found.faults else _difference(found, to, wanted, names)
    except DataError as error:
        reason = str(error)
    if reason:
        reason = reason.replace(str(partial), str(output))
        raise DataError(f"as {to} the set could not be read back ({reason}); rename the cases or choose another --to")


def _difference(found: FoundData, to: str, wanted: Sequence[str], names: set[str]) -> str:
    """Return how what is read differs from what was written, or nothing."""
    if found.layout != to:
        return f"it would be taken for {found.layout}"
    if (ids := sorted(case["id"] for case in found.cases)) != list(wanted):
        other = next(iter(set(ids) ^ set(wanted)), "one")
        return f"the case {other} would have another name"
    classes = found.classes or find_classes(found.cases, len(image_shape(found.cases[0])[1]))
    return "" if set(classes.names) == names else f"its classes would be {classes}"
