"""The page about measures: its tables are those of the code, and its example runs."""

from __future__ import annotations

import re

import numpy as np
import torch
from metrics_page import PAGE, empty_rows, what_rows, written

from monaiseg.metrics.measures import MEASURES


def test_the_tables_are_those_of_the_code() -> None:
    page = PAGE.read_text()
    assert page == written(page), "run python tests/metrics_page.py"
    assert "\n".join(what_rows()) in page and "\n".join(empty_rows()) in page
    assert len(what_rows()) == len(MEASURES) + 2 > 20


def test_the_example_runs() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    mask = torch.ones(2, 3, 4, 5, dtype=torch.bool)
    names = {"prediction": mask, "truth": mask}
    exec(example.replace("MEASURES[", "found = MEASURES["), names)
    assert np.array_equal(names["found"], np.ones((2, 3)))
