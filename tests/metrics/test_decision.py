"""The rule from probabilities to masks, which is also the one by which label files are written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.data.classes import Classes
from monaiseg.data.writing import label_files
from monaiseg.metrics import decided

TWO = Classes("values", ("a", "b"), ((1,), (2,)))
WIDE = Classes("values", ("a", "b"), ((1,), (2, 3)))
REGIONS = Classes("values", ("whole", "core"), ((1, 2), (2,)))
COLOURS = Classes("colours", ("a", "b"), ((255, 0, 0), (0, 255, 0)))
MASKS = Classes("masks", ("a", "b"))


@pytest.mark.parametrize(
    ("classes", "excludes"),
    [(TWO, True), (COLOURS, True), (REGIONS, False), (MASKS, False), (Classes("values", ("a",), ((1,),)), False)],
)
def test_which_classes_exclude_each_other(classes: Classes, excludes: bool) -> None:
    assert classes.exclusive is excludes


@pytest.mark.parametrize(
    ("a", "b", "excluding", "both"),
    [
        (0.9, 0.6, (True, False), (True, True)),
        (0.6, 0.9, (False, True), (True, True)),
        (0.5, 0.4, (False, False), (False, False)),
        (0.4, 0.51, (False, True), (False, True)),
    ],
)
def test_by_hand(a: float, b: float, excluding: tuple[bool, bool], both: tuple[bool, bool]) -> None:
    pixels = torch.tensor([a, b]).reshape(1, 2, 1, 1)
    assert tuple(decided(pixels, TWO).flatten().tolist()) == excluding
    assert tuple(decided(pixels, MASKS).flatten().tolist()) == both


@pytest.mark.parametrize("classes", [TWO, WIDE], ids=["a value each", "one of two values"])
@given(pixels=st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 2), min_size=1, max_size=8))
def test_what_is_scored_is_what_is_written(classes: Classes, pixels: list[tuple[float, float]]) -> None:
    probabilities = torch.tensor(pixels).T.reshape(1, 2, 1, -1)
    masks = decided(probabilities, classes)[0].numpy()
    written = label_files(probabilities[0].numpy(), classes)[""]
    assert np.array_equal(written == 1, masks[0]) and np.array_equal(written == 2, masks[1])
