"""The structure loss against plain numpy, and its weights against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from monaiseg.losses import StructureLoss, build_loss
from monaiseg.losses.structure import box_mean

SIZES = [(40, 37), (9, 50), (34, 12, 33)]


def boxes(*size: int) -> torch.Tensor:
    """One box inside, one that touches the border."""
    target = torch.zeros(2, 2, *size)
    target[(0, 0, *(slice(2, s // 2) for s in size))] = 1
    target[(1, 1, *(slice(s // 2, s) for s in size))] = 1
    return target


@pytest.mark.parametrize("window", [1, 3, 31])
@pytest.mark.parametrize("size", SIZES)
def test_the_mean_of_the_window_counts_what_lies_beyond_as_0(size: tuple[int, ...], window: int) -> None:
    mask = (torch.rand(1, 2, *size) > 0.5).float()
    expected = [ndimage.uniform_filter(m.double().numpy(), window, mode="constant") for m in mask[0]]
    np.testing.assert_allclose(box_mean(mask, window)[0], expected, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("window", "edge_weight"), [(31, 5.0), (5, 2.0)])
def test_it_is_its_formula(size: tuple[int, ...], window: int, edge_weight: float) -> None:
    target = boxes(*size)
    logits = 2 * torch.randn(target.shape)
    terms = []
    for x, t in zip(logits.flatten(0, 1).double().numpy(), target.flatten(0, 1).double().numpy()):
        weight = 1 + edge_weight * abs(ndimage.uniform_filter(t, window, mode="constant") - t)
        p = 1 / (1 + np.exp(-x))
        entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p))
        shared, both = (weight * p * t).sum(), (weight * (p + t)).sum()
        terms.append((weight * entropy).sum() / weight.sum() + 1 - (shared + 1) / (both - shared + 1))
    loss = StructureLoss(window, edge_weight)
    assert loss(logits, target).item() == pytest.approx(np.mean(terms), rel=1e-5)


def test_a_mistake_at_the_outline_costs_more_than_one_far_away() -> None:
    """Where the mean of the entropy stands in the place of the entropy, their entropies cost the same."""
    target = torch.zeros(1, 1, 96, 96)
    target[..., 20:50, 20:50] = 1
    right = 8 * (2 * target - 1)
    near, far = right.clone(), right.clone()
    near[..., 50, 35] = 4
    far[..., 90, 90] = 4
    loss = build_loss("structure", {"edge_weight": 5.0})
    weight = (1 + 5 * (box_mean(target, 31) - target).abs())[0, 0]
    assert loss(near, target) - loss(right, target) > 2 * (loss(far, target) - loss(right, target))
    assert weight[50, 35] > 2 * weight[90, 90] == 2
    even = build_loss("structure", {"edge_weight": 0})
    assert even(near, target).item() == pytest.approx(even(far, target).item(), rel=1e-5)
