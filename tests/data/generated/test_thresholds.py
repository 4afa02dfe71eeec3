"""No threshold does the task of a generated set, on no channel, not even one that is chosen with the truth in hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_local, threshold_otsu

BOUNDS = {"nuclei": 0.75, "polyps": 0.60}

Bools = npt.NDArray[np.bool_]
Greys = npt.NDArray[np.float64]


def channels_of(image: npt.NDArray[np.uint8]) -> dict[str, Greys]:
    modes = {"grey": "L", "red": "R", "green": "G", "blue": "B", "saturation": "S"}
    picture = Image.fromarray(image)
    bands = {"L": picture.convert("L"), "S": picture.convert("HSV").getchannel("S")}
    bands |= dict(zip("RGB", picture.split()))
    return {name: np.asarray(bands[mode], dtype=np.float64) for name, mode in modes.items()}


def better_polarity(guess: Bools, truth: Bools) -> float:
    return max(float(2 * (g & truth).sum() / (g.sum() + truth.sum())) for g in (guess, ~guess))


def best_level(grey: Greys, truth: Bools) -> float:
    """Return the Dice of the best of all levels, of either polarity: pixels taken one by one, from either end."""
    ordered = truth.ravel()[np.argsort(grey, axis=None, kind="stable")]
    taken = np.arange(1, ordered.size + 1)
    return max(float((2 * np.cumsum(side) / (taken + truth.sum())).max()) for side in (ordered, ordered[::-1]))


@pytest.fixture(params=sorted(BOUNDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["grey", "red", "green", "blue", "saturation"])
def channel(kind: str, request: pytest.FixtureRequest, whole_set: Callable) -> list[tuple[Greys, Bools]]:
    return [(channels_of(image)[request.param], truth) for image, truth in whole_set(kind)]


def mean_dice(channel: list[tuple[Greys, Bools]], sigma: float, score: Callable[[Greys, Bools], float]) -> float:
    return float(np.mean([score(ndimage.gaussian_filter(grey, sigma), truth) for grey, truth in channel]))


@pytest.mark.parametrize("sigma", [0, 1, 2, 3])
def test_otsu_fails(kind: str, channel: list, sigma: float) -> None:
    assert mean_dice(channel, sigma, lambda g, t: better_polarity(g > threshold_otsu(g), t)) <= BOUNDS[kind]


@pytest.mark.parametrize("sigma", [0, 2])
@pytest.mark.parametrize("block", [15, 31, 51, 101])
def test_local_threshold_fails(kind: str, channel: list, block: int, sigma: float) -> None:
    assert mean_dice(channel, sigma, lambda g, t: better_polarity(g > threshold_local(g, block), t)) <= BOUNDS[kind]


@pytest.mark.parametrize("sigma", [0, 2])
def test_no_level_of_its_own_for_each_image_works(kind: str, channel: list, sigma: float) -> None:
    """Even the level chosen with the truth in hand stays below the bound."""
    assert mean_dice(channel, sigma, best_level) <= BOUNDS[kind]


def test_the_scoring_would_see_a_threshold_that_works(whole_set: Callable, kind: str) -> None:
    """The other tests pass for a reason: an image that is its own truth scores 1, in either polarity."""
    for _, truth in whole_set(kind)[:5]:
        for grey in (200.0 * truth, 200.0 * ~truth):
            assert best_level(grey + np.arange(128), truth) == 1.0
            assert better_polarity(grey > threshold_otsu(grey), truth) == 1.0
