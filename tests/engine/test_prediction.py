"""Predicted masks are written into their folder, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from monaiseg.data import Case, Classes
from monaiseg.engine import WriteMasks
from monaiseg.errors import ConfigError, DataError


@pytest.mark.parametrize("name", ["../x", "patient/1", "a\\b", "..", "a\0b", ""])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    case = Case(image="x.png", label=[], id=name, group=None)
    with pytest.raises(DataError, match=r"the id .* cannot be the name of a file; write it without"):
        WriteMasks(tmp_path / "out", [case], Classes("masks", ("foreground",)))
    with pytest.raises((ConfigError, DataError), match=r"the class .* cannot be the name|cannot be shown"):
        WriteMasks(tmp_path / "out", [], Classes("masks", ("polyp", name)))
    assert not (tmp_path / "out").exists()
    WriteMasks(tmp_path / "out", [], Classes("values", ("edema/necrosis", "core"), ((1,), (2,))))  # one file, no name
