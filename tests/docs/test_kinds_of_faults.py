"""The tables of faults in docs/data.md: every kind that the code knows, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from monaiseg.data.checking._facts import WarningKind
from monaiseg.errors import DataKind

PAGE = Path(__file__).parents[2] / "docs" / "data.md"


@pytest.mark.parametrize(("severity", "kinds"), [("errors", DataKind), ("warnings", WarningKind)])
def test_the_page_names_every_kind_of_fault(severity: str, kinds: Any) -> None:
    (table,) = re.findall(rf"\| {severity}: .*?\n\n", PAGE.read_text(), re.DOTALL)
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    assert {kind for cell in first for kind in re.findall(r"`(\w+)`", cell)} == set(get_args(kinds))
