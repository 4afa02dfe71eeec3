"""Outlines lie where the masks end, in their colours."""

import torch

from monaiseg.engine.overlays import BOTH, PREDICTION, TRUTH, draw_overlay


def square(low: int, high: int, size: int = 20) -> torch.Tensor:
    mask = torch.zeros(1, size, size, dtype=torch.bool)
    mask[:, low:high, low:high] = True
    return mask


def test_outlines():
    picture = draw_overlay(torch.rand(3, 20, 20), square(2, 8), square(5, 15))
    assert tuple(picture[2, 4]) == TRUTH
    assert tuple(picture[14, 10]) == PREDICTION
    assert tuple(picture[10, 10]) not in (TRUTH, PREDICTION, BOTH)


def test_where_they_agree_they_are_white():
    picture = draw_overlay(torch.rand(1, 20, 20), square(4, 9), square(4, 9))
    assert tuple(picture[4, 6]) == BOTH


def test_volumes_and_resized_images():
    image = torch.rand(1, 4, 10, 10)
    mask = torch.zeros(1, 8, 20, 30, dtype=torch.bool)
    assert draw_overlay(image, None, mask).shape == (20, 30, 3)
