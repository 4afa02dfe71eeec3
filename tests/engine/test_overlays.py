"""Outlines lie where the masks end, in their colours, on the slice that shows most, large enough to be seen."""

import numpy as np
import pytest
import torch

from monaiseg.engine.overlays import BOTH, PREDICTION, READABLE, TRUTH, draw_overlay

FACTOR = 13
"""By which a picture of 20 pixels a side is enlarged."""


def square(low: int, high: int, size: int = 20, classes: int = 1) -> torch.Tensor:
    mask = torch.zeros(classes, size, size, dtype=torch.bool)
    mask[-1, low:high, low:high] = True
    return mask


def first(index: int) -> int:
    """The first pixel of the enlarged picture that shows this one; that of the next less one is its last."""
    return index * FACTOR


def test_outlines():
    picture = draw_overlay(torch.rand(3, 20, 20), square(2, 8), square(5, 15))
    assert picture.shape == (20 * FACTOR, 20 * FACTOR, 3) and 20 * FACTOR >= READABLE > 20 * (FACTOR - 1)
    assert tuple(picture[first(2), first(4)]) == TRUTH[0]
    assert tuple(picture[first(15) - 1, first(10)]) == PREDICTION[0]
    assert tuple(picture[first(10), first(10)]) not in (*TRUTH, *PREDICTION, BOTH)


def test_where_they_agree_they_are_white():
    picture = draw_overlay(torch.rand(1, 20, 20), square(4, 9), square(4, 9))
    assert tuple(picture[first(4), first(6)]) == BOTH


def test_each_class_has_its_colours():
    picture = draw_overlay(torch.rand(1, 20, 20), square(2, 8, classes=2), square(10, 15, classes=2))
    assert tuple(picture[first(2), first(4)]) == TRUTH[1] != TRUTH[0]
    assert tuple(picture[first(10), first(12)]) == PREDICTION[1]
    assert draw_overlay(torch.rand(1, 20, 20), None, square(2, 8, classes=9)).shape == (260, 260, 3)


def test_a_large_picture_keeps_its_size():
    assert draw_overlay(torch.rand(3, 300, 200), None, torch.zeros(1, 300, 200, dtype=torch.bool)).shape == (
        300,
        200,
        3,
    )


@pytest.mark.parametrize("shape", [(8, 20, 30), (20, 8, 30), (20, 30, 8)])
def test_of_a_volume_the_slice_with_most_of_the_truth_is_shown(shape: tuple[int, ...]):
    axis = shape.index(8)
    image, truth, prediction = torch.zeros(1, *shape), *torch.zeros(2, 2, *shape, dtype=torch.bool)
    truth.movedim(axis + 1, 1)[1, 6, 3:9, 4:9] = True
    truth.movedim(axis + 1, 1)[0, 2, 3:5, 4:5] = True
    prediction.movedim(axis + 1, 1)[0, 1, 1:18, 1:18] = True
    picture = draw_overlay(image, truth, prediction)
    assert picture.shape == (20 * 9, 30 * 9, 3)
    assert {tuple(colour) for colour in picture.reshape(-1, 3)} == {(0, 0, 0), TRUTH[1]}


def test_without_truth_the_prediction_chooses_the_slice_and_without_both_the_middle():
    image, mask = torch.zeros(1, 4, 10, 10), torch.zeros(1, 8, 20, 30, dtype=torch.bool)
    image[0, 3] = torch.arange(10.0)
    mask[0, 6, 5:9, 5:9] = True
    for truth in (None, torch.zeros_like(mask)):
        picture = draw_overlay(image, truth, mask)
        assert picture.shape == (180, 270, 3), "the image's own size does not matter"
        assert (picture == PREDICTION[0]).all(-1).any() and picture[0, -1, 0] > 200, "the image's slice is the same one"
    assert not np.any(draw_overlay(image, None, torch.zeros_like(mask)))
