"""The Lovász losses against their definition, evaluated set by set in plain Python."""

from __future__ import annotations

import math
from itertools import pairwise, permutations
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.errors import ConfigError
from monaiseg.losses import LovaszHinge, LovaszSoftmax, build_loss
from monaiseg.losses.lovasz import lovasz_extension

ERRORS = st.lists(st.floats(0, 5, width=32), min_size=1, max_size=6)


def jaccard_loss(wrong: set[int], truth: set[int]) -> float:
    """The loss of the prediction that differs from the truth in these pixels."""
    predicted = truth ^ wrong
    either = predicted | truth
    return 1 - len(predicted & truth) / len(either) if either else 0.0


def extension(errors: list[float], truth: set[int]) -> float:
    """Each error times what its pixel adds to the loss of those with larger ones."""
    total, wrong = 0.0, set[int]()
    for pixel in sorted(range(len(errors)), key=lambda i: -errors[i]):
        total += errors[pixel] * (jaccard_loss(wrong | {pixel}, truth) - jaccard_loss(wrong, truth))
        wrong.add(pixel)
    return total


@st.composite
def pixels(draw: Any) -> tuple[list[float], set[int]]:
    errors = draw(ERRORS)
    return errors, draw(st.sets(st.integers(0, len(errors) - 1)))


def ours(errors: list[float], truth: set[int]) -> float:
    target = torch.tensor([[float(i in truth) for i in range(len(errors))]])
    return lovasz_extension(torch.tensor([errors]), target).item()


@given(pixels())
def test_the_extension_is_the_sum_over_growing_sets(drawn: tuple[list[float], set[int]]) -> None:
    assert ours(*drawn) == pytest.approx(extension(*drawn), rel=1e-5, abs=1e-6)


@given(pixels())
def test_no_order_of_the_pixels_gives_more(drawn: tuple[list[float], set[int]]) -> None:
    """What makes it the tightest convex loss through the Jaccard losses of all sets, as these are submodular."""
    errors, truth = drawn

    def along(order: tuple[int, ...]) -> float:
        sets = [set(order[:n]) for n in range(len(order) + 1)]
        steps = (jaccard_loss(after, truth) - jaccard_loss(before, truth) for before, after in pairwise(sets))
        return sum(errors[pixel] * step for pixel, step in zip(order, steps))

    assert ours(errors, truth) == pytest.approx(max(map(along, permutations(range(len(errors))))), rel=1e-5, abs=1e-6)


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(*[st.sets(st.integers(0, n - 1))] * 2, st.just(n))))
def test_at_errors_of_0_and_1_it_is_the_jaccard_loss(drawn: tuple[set[int], set[int], int]) -> None:
    wrong, truth, count = drawn
    assert ours([float(i in wrong) for i in range(count)], truth) == pytest.approx(jaccard_loss(wrong, truth), abs=1e-6)


def test_steps_keep_their_digits_where_there_are_many_pixels() -> None:
    count = 400_000
    target = torch.zeros(1, count)
    target[:, : count // 2] = 1
    errors = torch.linspace(2, 1, count)[None].requires_grad_()
    lovasz_extension(errors, target).sum().backward()
    assert errors.grad is not None
    # The objects' pixels come first, and each adds 1 / their number.
    torch.testing.assert_close(errors.grad[:, : count // 2], torch.full((1, count // 2), 2 / count), rtol=1e-6, atol=0)


def tiny(channels: int, spatial: tuple[int, ...], exclusive: bool) -> tuple[torch.Tensor, torch.Tensor]:
    logits = 2 * torch.randn(2, channels, *spatial)
    target = (torch.rand(logits.shape) > 0.6).float()
    return logits, target * (target.cumsum(1) == 1) if exclusive else target


def as_sets(mask: torch.Tensor) -> set[int]:
    return {i for i, there in enumerate(mask.flatten().tolist()) if there}


@pytest.mark.parametrize("spatial", [(3, 2), (2, 2, 2)], ids=["2D", "3D"])
@pytest.mark.parametrize("channels", [1, 3])
def test_hinge_is_the_mean_over_classes_and_images(channels: int, spatial: tuple[int, ...]) -> None:
    logits, target = tiny(channels, spatial, exclusive=False)
    expected = []
    for image in range(2):
        for channel in range(channels):
            pairs = zip(logits[image, channel].flatten().tolist(), target[image, channel].flatten().tolist())
            errors = [max(0.0, 1 - x if t else 1 + x) for x, t in pairs]
            expected.append(extension(errors, as_sets(target[image, channel])))
    assert LovaszHinge()(logits, target).item() == pytest.approx(sum(expected) / len(expected), rel=1e-5)


@pytest.mark.parametrize("spatial", [(3, 2), (2, 2, 2)], ids=["2D", "3D"])
@pytest.mark.parametrize("channels", [1, 3])
def test_softmax_is_the_mean_over_the_classes_that_are_there(channels: int, spatial: tuple[int, ...]) -> None:
    logits, target = tiny(channels, spatial, exclusive=True)
    target[1, 0] = 0
    of_images = []
    for image in range(2):
        rows = logits[image].flatten(1).T.tolist()
        labels = [row.index(1) + 1 if any(row) else 0 for row in target[image].flatten(1).T.tolist()]
        powers = [[1.0, *map(math.exp, row)] for row in rows]
        each = []
        for label in sorted(set(labels)):
            found = [row[label] / sum(row) for row in powers]
            errors = [1 - p if own == label else p for p, own in zip(found, labels)]
            each.append(extension(errors, {i for i, own in enumerate(labels) if own == label}))
        of_images.append(sum(each) / len(each))
    assert LovaszSoftmax()(logits, target).item() == pytest.approx(sum(of_images) / 2, rel=1e-5)


def test_margins_of_0_and_1_give_the_jaccard_loss_of_the_mask() -> None:
    target = torch.zeros(1, 1, 4, 4)
    target[..., 1:3, 1:4] = 1
    wrong = torch.zeros_like(target)
    wrong[..., 0, :3] = 1
    wrong[..., 2, 2] = 1
    logits = (2 * target - 1) * (1 - wrong)
    expected = jaccard_loss(as_sets(wrong), as_sets(target))
    assert LovaszHinge()(logits, target).item() == pytest.approx(expected, abs=1e-6)


def test_a_margin_of_1_costs_nothing_and_less_does() -> None:
    target = (torch.rand(2, 1, 6, 6) > 0.5).float()
    assert LovaszHinge()(2 * target - 1, target) == 0
    assert LovaszHinge()(0.9 * (2 * target - 1), target) > 0


def test_without_an_object_the_surest_pixel_costs() -> None:
    logits = torch.tensor([[[[-3.0, 0.5, 2.0, 1.0]]]])
    assert LovaszHinge()(logits, torch.zeros_like(logits)) == 3


def test_classes_that_overlap_are_refused_by_softmax() -> None:
    target = torch.zeros(1, 2, 4, 4)
    target[:, :, 1, 1] = 1
    with pytest.raises(ConfigError, match=r"classes that exclude one another.*set loss to lovasz_hinge"):
        build_loss("lovasz_softmax")(torch.zeros_like(target), target)
