"""Cases whose files cannot be decoded: an error, or left out and counted."""

from __future__ import annotations

from collections.abc import Sequence

from monaiseg.data.cases import Case, images_of, label_files
from monaiseg.data.looks import read_each
from monaiseg.data.pictures import open_picture
from monaiseg.data.volumes import is_volume, read_volume
from monaiseg.errors import ConfigError, DataError

ERROR, SKIP = "error", "skip"


def unreadable_cases(cases: Sequence[Case], policy: str) -> dict[str, str]:
    """Return by the image of each case that cannot be decoded why, and print it; none where that is an error later.

    Args:
        cases: which are decoded whole, where there is something to find.
        policy: `"error"`: a file that cannot be decoded ends the run where it is read; `"skip"`: its case is left out.

    Raises:
        ConfigError: `policy` is neither.
    """
    if policy not in (ERROR, SKIP):
        raise ConfigError(f"unreadable is {policy!r}; it must be error or skip")
    if policy == ERROR:
        return {}
    faults = zip(cases, read_each("looking for files that cannot be read", _fault, cases), strict=True)
    found = {images_of(case)[0]: fault for case, fault in faults if fault}  # ids may repeat in parts
    for fault in found.values():
        print(f"data: WARNING: {fault}; its case is left out, as unreadable is skip")
    return found


def _fault(case: Case) -> str:
    for file in (*images_of(case), *label_files(case)):
        try:
            read_volume(file) if is_volume(file) else open_picture(file)
        except DataError as error:
            if error.kind == "unreadable":
                return str(error)
    return ""
