"""Brightness, contrast and colour: what they do to a pixel, and that several are one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from data.augment.cases import alone, applied, blobs, operation
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.data import NormaliseCase
from monaiseg.data.augment import Augmentation, Choice, Levels, Linear, build_augmentation
from monaiseg.data.augment.intensity import recolour

GREYS = torch.linspace(0.1, 0.9, 48).reshape(1, 1, 6, 8).repeat(1, 3, 1, 1)
RNG = np.random.default_rng


def with_levels(augmentation: Augmentation, image: torch.Tensor, levels: Levels) -> torch.Tensor:
    return augmentation(image.clone(), None, [(0, 0, case) for case in range(len(image))], levels)[0]


def test_levels_are_each_cases_own() -> None:
    image = torch.rand(3, 2, 5, 6, 7) * torch.tensor([1.0, 10.0, 100.0]).reshape(3, 1, 1, 1, 1)
    levels = Levels.of(image, bounded=False)
    assert np.allclose(levels.mean, image.mean((2, 3, 4))) and levels.mean.shape == (3, 2)
    assert np.allclose(levels.std, image.std((2, 3, 4), correction=0))
    picked = levels.of_cases([2])
    assert np.array_equal(picked.mean, levels.mean[2:]) and np.array_equal(picked.std, levels.std[2:])


def test_brightness_is_in_deviations_and_contrast_about_the_mean_of_the_case() -> None:
    image = torch.rand(2, 3, 8, 8)
    levels = Levels(torch.rand(2, 3), torch.rand(2, 3), bounded=False)
    mean, std = (torch.from_numpy(each).float()[..., None, None] for each in (levels.mean, levels.std))
    brighter = with_levels(alone("brightness_contrast", brightness=0.5, contrast=1), image, levels)
    assert torch.allclose(brighter, image + 0.5 * std, atol=1e-6)
    harder = with_levels(alone("brightness_contrast", brightness=0, contrast=2), image, levels)
    assert torch.allclose(harder, mean + 2 * (image - mean), atol=1e-6)


@pytest.mark.parametrize("bounded", [False, True])
def test_only_bounded_pictures_are_clipped(bounded: bool) -> None:
    image = torch.rand(1, 3, 8, 8)
    levels = Levels(torch.full((1, 3), 0.5), torch.ones(1, 3), bounded)
    result = with_levels(alone("brightness_contrast", brightness=0.7, contrast=1), image, levels)
    assert torch.allclose(result, (image + 0.7).clamp(0, 1 if bounded else None))


@given(hue=st.floats(-180, 180), saturation=st.floats(0, 2))
def test_greys_have_no_hue(hue: float, saturation: float) -> None:
    result, _ = applied(alone("hsv", hue=hue, saturation=saturation, value=1), GREYS, GREYS[:, :1])
    assert torch.allclose(result, GREYS, atol=1e-5)


def test_hue_saturation_and_value() -> None:
    image = 0.3 + 0.3 * torch.rand(2, 3, 8, 8)
    label = image[:, :1]
    weights = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
    luma = (image * weights).sum(1, keepdim=True)
    assert torch.allclose(
        applied(alone("hsv", hue=0, saturation=0, value=1), image, label)[0], luma.expand(image.shape), atol=1e-5
    )
    assert torch.allclose(applied(alone("hsv", hue=0, saturation=1, value=0.5), image, label)[0], image / 2, atol=1e-5)
    turned, _ = applied(alone("hsv", hue=30, saturation=1, value=1), image, label)
    assert torch.allclose((turned * weights).sum(1, keepdim=True), luma, atol=1e-4)
    red = torch.tensor([0.6, 0.4, 0.4]).reshape(1, 3, 1, 1).repeat(1, 1, 2, 2)
    third, _ = applied(alone("hsv", hue=120, saturation=1, value=1), red, red[:, :1])
    assert third[0, :, 0, 0].argmax() != 0, "a third of the circle leads from red to another primary"


def test_grey_is_luma_in_every_channel() -> None:
    image, label = blobs(2, 3, 8, 8)
    result, _ = applied(alone("grey"), image, label)
    expected = 0.299 * image[:, 0] + 0.587 * image[:, 1] + 0.114 * image[:, 2]
    assert all(torch.allclose(result[:, channel], expected, atol=1e-6) for channel in range(3))


def test_channels_are_shuffled_but_never_left() -> None:
    image, label = blobs(1, 3, 6, 6)
    seen = set()
    for index in range(60):
        result, _ = applied(alone("channel_shuffle"), image, label, [(0, 0, index)])
        order = [next(c for c in range(3) if torch.equal(result[0, k], image[0, c])) for k in range(3)]
        seen.add(tuple(order))
    assert len(seen) == 5 and (0, 1, 2) not in seen


def test_each_channel_is_shifted_by_its_own_draw() -> None:
    image = 0.5 * torch.ones(1, 3, 4, 4)
    levels = Levels(torch.full((1, 3), 0.5), torch.full((1, 3), 0.1), bounded=True)
    shifts = (with_levels(alone("rgb_shift", shift=[-1, 1]), image, levels) - image)[0, :, 0, 0]
    assert len(set(shifts.tolist())) == 3 and shifts.abs().max() <= 0.1


LINEAR: list[tuple[str, dict[str, Any]]] = [
    ("brightness_contrast", {}),
    ("hsv", {}),
    ("grey", {}),
    ("rgb_shift", {}),
    ("channel_shuffle", {}),
]


@given(drawn=st.lists(st.tuples(st.sampled_from(LINEAR), st.integers(0, 99)), min_size=2, max_size=5))
def test_several_linear_changes_are_one(drawn: list[tuple[tuple[str, dict[str, Any]], int]]) -> None:
    image = torch.rand(1, 3, 5, 4, dtype=torch.float64)
    levels = Levels(torch.rand(1, 3).double(), torch.rand(1, 3).double(), bounded=False)
    linears = [operation(name, **of).draw(RNG(seed), 3) for (name, of), seed in drawn]  # type: ignore[attr-defined]
    one_by_one, joined = image.clone(), linears[0]
    for linear in linears:
        one_by_one = recolour(one_by_one, [linear], levels)
    for linear in linears[1:]:
        joined = joined.then(linear)
    assert torch.allclose(recolour(image.clone(), [joined], levels), one_by_one, atol=1e-5)


def test_neighbouring_changes_are_done_in_one_step_and_in_the_order_of_the_list() -> None:
    names = ["brightness_contrast", "hsv", "gamma", "grey", "rgb_shift", "gaussian_noise", "blur"]
    augmentation = build_augmentation([{"name": name, "p": 1} for name in names], 2, 3)
    steps = augmentation.draw((0,), (3, 8, 8)).steps
    kinds = ["linear" if step.operation is None else step.operation.name for step in steps]
    assert kinds == ["linear", "gamma", "linear", "gaussian_noise", "blur"]
    assert [step.place for step in steps] == sorted(step.place for step in steps)


def test_a_single_linear_change_joins_normalisation() -> None:
    """What a fast loader may do: one multiplication and one addition for both."""
    augmentation = build_augmentation("light", 2, 3)
    image = torch.rand(3, 8, 8)
    levels = Levels.of(image[None], bounded=False)
    draws = [augmentation.draw((0, 0, index), image.shape) for index in range(40)]
    found = [(draw, draw.linear) for draw in draws if draw.linear is not None]
    assert 10 < len(found) < 40 and all(not draw.steps for draw in draws if draw.linear is None)
    for draw, linear in found:
        plain, _ = augmentation.apply(image[None].clone(), None, [draw], levels)
        mean, std = levels.mean[0], levels.std[0]
        item = {"image": plain[0], "mean": torch.tensor(mean).float(), "std": torch.tensor(std).float()}
        gain, of_mean, of_std = linear.weights.diagonal(axis1=1, axis2=2)
        offset = (of_mean * mean + of_std * std - mean) / std
        posed = draw.pose.of(image).numpy()
        folded = posed * (gain / std)[:, None, None] + offset[:, None, None]
        assert np.allclose(NormaliseCase()(item)["image"].numpy(), folded, atol=1e-5)


def test_what_is_no_single_linear_change_cannot_join() -> None:
    for names in (["gamma"], ["brightness_contrast", "blur"], []):
        augmentation = build_augmentation([{"name": name, "p": 1} for name in names], 2, 3)
        assert augmentation.draw((0,), (3, 8, 8)).linear is None


def test_a_change_of_one_channel_alone_multiplies_in_place() -> None:
    image, label = torch.rand(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    levels = Levels.of(image, bounded=False)
    draws = [Augmentation([Choice(1, (operation("brightness_contrast"),))]).draw((i,), (1, 4, 4)) for i in range(2)]
    assert all(Linear.is_diagonal.fget(step.drawn) for draw in draws for step in draw.steps)  # type: ignore[attr-defined]
    result, _ = alone("brightness_contrast").apply(image, label, draws, levels)
    assert result.data_ptr() == image.data_ptr()
