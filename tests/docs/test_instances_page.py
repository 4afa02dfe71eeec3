"""The page about objects: its Python runs, and its tables are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from monaiseg.engine.instances import MOST, TUNED
from monaiseg.engine.instances import OBJECTS as LISTED
from monaiseg.instances import Thresholds, instance_plan
from monaiseg.instances.objects import object_columns
from monaiseg.instances.plan import DECODER_NAMES
from monaiseg.instances.targets import WIDTH
from monaiseg.instances.tuning import candidates

PAGE = (Path(__file__).parents[2] / "docs" / "instances.md").read_text()


def rows(header: str) -> list[list[str]]:
    """The cells of the table under a header's first cell, without their backticks."""
    lines = PAGE[PAGE.index(f"| {header} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_the_python_of_the_page_runs() -> None:
    (fence,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(fence, names)
    assert names["ids"].max() == 1  # type: ignore[attr-defined]


def test_its_tables_are_those_of_the_code() -> None:
    for key, _, decoder in rows("`--instances`"):
        assert instance_plan(eval(key.strip('"')) if "[" in key else key).decoder == decoder
    assert tuple(row[0] for row in rows("decoder")) == DECODER_NAMES
    listed = ", ".join(row[0] for row in rows("column"))
    for dims in (2, 3):
        assert all(re.sub(r"_\d", "_0", name) in listed for name in object_columns(dims))


def test_its_numbers_are_those_of_the_code() -> None:
    defaults = Thresholds()
    told = (
        f"`foreground` ({defaults.foreground})",
        f"`depth` {defaults.depth}",
        f"`border` {defaults.border}",
        f"`min_size` ({defaults.min_size})",
        f"tries up to {max(len(candidates(name)) for name in DECODER_NAMES)} combinations",
        f"within {WIDTH} pixels of two objects",
        f"more than {MOST} objects",
        f"`{TUNED}`",
        f"`{LISTED}`",
    )
    flat = " ".join(PAGE.split())
    assert [text for text in told if text not in flat] == []
