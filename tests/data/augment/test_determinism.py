"""What happens to a case depends on its key alone: not on its batch, the order, the workers or the threads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from data.augment.cases import Pair, alone, blobs, operation
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.data.augment import OPERATIONS, Augmentation, Choice, Levels, build_augmentation
from monaiseg.data.augment.augmentation import recoloured

KEYS = [(7, epoch, index) for epoch in (0, 3) for index in range(4)]
DEVICES = ["cpu", *["cuda"] * torch.cuda.is_available()]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def at_once(augmentation: Augmentation, image: torch.Tensor, label: torch.Tensor, cases: list[int]) -> list[Pair]:
    """The cases of one batch, in this order, as they come back."""
    levels = Levels.of(image, bounded=True).of_cases(cases)
    keys = [KEYS[case] for case in cases]
    images, labels = augmentation(image[cases].clone(), label[cases].clone(), keys, levels)
    assert labels is not None
    return list(zip(images, labels, strict=True))


def same(one: Pair, other: Pair) -> bool:
    return torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("preset", "size"), [("polyp", (37, 29)), ("polyp", (48, 48)), ("volume", (13, 12, 9))])
@given(order=st.permutations(range(len(KEYS))), cut=st.integers(1, len(KEYS) - 1))
def test_a_case_is_the_same_in_any_batch(
    preset: str, size: tuple[int, ...], device: str, order: list[int], cut: int
) -> None:
    image, label = (part.to(device) for part in blobs(len(KEYS), 3 if len(size) == 2 else 1, *size))
    augmentation = build_augmentation(preset, len(size), image.shape[1])
    single = [at_once(augmentation, image, label, [case])[0] for case in range(len(KEYS))]
    for batch in (order[:cut], order[cut:]):
        for case, pair in zip(batch, at_once(augmentation, image, label, batch), strict=True):
            assert same(pair, single[case]), KEYS[case]


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_depends_on_the_batch_or_the_number_of_threads(name: str) -> None:
    image, label = blobs(len(KEYS), 3, 45, 51)  # odd sizes: no whole number of vectors
    torch.set_num_threads(1)
    single = [at_once(alone(name), image, label, [case])[0] for case in range(len(KEYS))]
    torch.set_num_threads(2)
    together = at_once(alone(name), image, label, list(range(len(KEYS))))
    assert all(same(one, other) for one, other in zip(single, together, strict=True))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_group_is_what_its_cases_are_alone(name: str) -> None:
    """As on a GPU, where the cases that drew an operation are done in one call."""
    from monaiseg.data.augment.augmentation import _apply

    image, label = blobs(len(KEYS), 3, 40, 40)
    levels = Levels.of(image, bounded=True)
    draws = [alone(name).draw(key, (3, 40, 40)) for key in KEYS]
    grouped, moved = _apply(image.clone(), label.clone(), draws, levels)
    single = at_once(alone(name), image, label, list(range(len(KEYS))))
    assert moved is not None
    for one, (case, mask) in enumerate(single):
        assert torch.allclose(grouped[one], case, atol=1e-6) and torch.equal(moved[one], mask)


def test_a_mixed_group_is_what_its_cases_are_alone() -> None:
    from monaiseg.data.augment.augmentation import _apply

    image, label = blobs(len(KEYS), 3, 40, 40)
    augmentation = build_augmentation("polyp", 2, 3)
    draws = [augmentation.draw(key, (3, 40, 40)) for key in KEYS]
    assert len({draw.names for draw in draws}) > 4
    grouped, moved = _apply(image.clone(), label.clone(), draws, Levels.of(image, bounded=True))
    single = at_once(augmentation, image, label, list(range(len(KEYS))))
    assert moved is not None
    for one, (case, mask) in enumerate(single):
        assert torch.allclose(grouped[one], case, atol=1e-6) and torch.equal(moved[one], mask), draws[one].names


def test_a_group_of_8_bit_pictures_and_others_is_what_its_cases_are_alone() -> None:
    """As on a GPU: only 8-bit pictures stay between 0 and 1."""
    image, _ = blobs(4, 3, 24, 24)
    bounded = [True, False, False, True]
    mean, std = image.mean((2, 3)), image.std((2, 3))
    for name in ("brightness_contrast", "hsv", "gaussian_noise", "gamma"):
        strong = {"brightness_contrast": {"brightness": 3}, "hsv": {"value": 3}, "gaussian_noise": {"sigma": 4}}
        augmentation = alone(name, **strong.get(name, {}))
        draws = [augmentation.draw(key, (3, 24, 24)) for key in KEYS[:4]]
        grouped = recoloured(image.clone(), draws, Levels(mean, std, np.array(bounded)))
        for case, draw in enumerate(draws):
            levels = Levels(mean[[case]], std[[case]], bounded[case])
            assert torch.allclose(grouped[[case]], recoloured(image[[case]].clone(), [draw], levels), atol=1e-6)
        assert bool(grouped[bounded].max() <= 1) and (name == "gamma" or bool(grouped[1:3].max() > 1))


@given(key=st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(0, 999)))
def test_another_seed_epoch_or_case_is_drawn_anew(key: tuple[int, int, int]) -> None:
    everything = Augmentation([Choice(1, (operation("gamma"),)), Choice(1, (operation("shift_scale_rotate"),))])
    others = [(key[0] + 1, *key[1:]), (key[0], key[1] + 1, key[2]), (*key[:2], key[2] + 1)]
    first, *rest = [everything.draw(each, (1, 8, 8)) for each in (key, *others)]
    assert first.steps == everything.draw(key, (1, 8, 8)).steps
    assert all(other.steps != first.steps for other in rest)


def test_noise_follows_the_key() -> None:
    image, label = torch.full((1, 1, 8, 8), 0.5), torch.zeros(1, 1, 8, 8)
    levels = Levels(torch.tensor([[0.5]]), torch.tensor([[0.1]]), bounded=True)
    noisy = [alone("gaussian_noise", sigma=1)(image.clone(), label, [key], levels)[0] for key in KEYS[:2] * 2]
    assert torch.equal(noisy[0], noisy[2]) and not torch.equal(noisy[0], noisy[1])
