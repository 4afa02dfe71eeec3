"""The generated structures: plausible as magnetic resonance, and of two parts that no grey level tells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import ndimage
from scored import score_masks
from skimage.filters import threshold_local

from monaiseg.data import generate_structure
from monaiseg.data.generated import GENERATED
from monaiseg.data.generated.structures import CLASSES, SIZE
from monaiseg.metrics import otsu_mask

Volume = npt.NDArray[np.generic]
HEAD, TAIL = 1, 2
MOST = {"head": 0.35, "tail": 0.25}
"""What no threshold's Dice may reach."""


@pytest.fixture(scope="module")
def volumes() -> list[tuple[Volume, Volume]]:
    return [generate_structure(seed) for seed in range(30)]


def share_of_steps(inside: Volume, label: Volume) -> float:
    """Dice of a mask and the truth, in the better polarity."""
    return max(float(2 * (m & label).sum() / (m.sum() + label.sum())) for m in (inside, ~inside))


def best_band(image: Volume, label: Volume, levels: int = 60) -> float:
    """Return the Dice of the best pair of levels between which a voxel is taken, chosen with the truth in hand."""
    edges = np.quantile(image, np.linspace(0, 1, levels + 1))
    inside, every = (np.histogram(values, edges)[0] for values in (image[label], image))
    hits, taken = (np.concatenate([[0], np.cumsum(counts)]) for counts in (inside, every))
    low, high = np.triu_indices(levels + 1, 1)
    return float((2 * (hits[high] - hits[low]) / (taken[high] - taken[low] + label.sum())).max())


def test_form(volumes: list[tuple[Volume, Volume]]) -> None:
    for image, label in volumes:
        assert image.shape == label.shape and image.ndim == 3
        assert all(abs(side - usual) <= 3 for side, usual in zip(image.shape, SIZE, strict=True))
        assert image.dtype in (np.float32, np.int16) and label.dtype == np.uint8
        assert np.isfinite(image).all() and image.min() >= 0 and set(np.unique(label)) == {0, HEAD, TAIL}
    assert {image.dtype.name for image, _ in volumes} == {"float32", "int16"}
    assert len({image.shape for image, _ in volumes}) > 20
    assert GENERATED["structures"].classes == CLASSES == ("head", "tail")


def test_the_scale_of_intensities_is_each_cases_own(volumes: list[tuple[Volume, Volume]]) -> None:
    tops = [float(image.max()) for image, _ in volumes]
    assert max(tops) / min(tops) > 1000
    for image, _ in volumes:
        assert image.max() < 32767 or image.dtype == np.float32


def test_head_and_tail_are_one_body_and_meet(volumes: list[tuple[Volume, Volume]]) -> None:
    for _, label in volumes:
        assert ndimage.label(label > 0)[1] == 1
        assert (ndimage.binary_dilation(label == HEAD) & (label == TAIL)).sum() > 5
        assert 0.015 < (label == HEAD).mean() < 0.05 and 0.005 < (label == TAIL).mean() < 0.03


def test_the_head_is_the_thick_end(volumes: list[tuple[Volume, Volume]]) -> None:
    for _, label in volumes:
        depth = ndimage.distance_transform_edt(np.pad(label > 0, 1, mode="edge"))[1:-1, 1:-1, 1:-1]
        assert depth[label == HEAD].max() > depth[label == TAIL].max()


def test_head_tail_and_what_touches_them_are_of_one_grey(volumes: list[tuple[Volume, Volume]]) -> None:
    """Neither part is always the brighter one, and around each there are many voxels of its own grey."""
    brighter, like = [], []
    for image, label in volumes:
        smooth = ndimage.gaussian_filter(image.astype(np.float64), 1)
        head, tail = (smooth[ndimage.binary_erosion(label == part)] for part in (HEAD, TAIL))
        brighter.append(head.mean() > tail.mean())
        ring = smooth[ndimage.binary_dilation(label > 0, iterations=3) & (label == 0)]
        low, high = np.quantile(head, (0.05, 0.95))
        like.append(((ring > low) & (ring < high)).mean())
    assert 0.15 < np.mean(brighter) < 0.85
    assert np.mean(like) > 0.15


def test_every_volume_is_noisy_and_seen_unevenly(volumes: list[tuple[Volume, Volume]]) -> None:
    slopes = []
    for image, label in volumes:
        even = image / np.quantile(image, 0.9)
        assert (even - ndimage.gaussian_filter(even, 1))[ndimage.binary_erosion(label > 0)].std() > 0.015
        near, far = (half.mean() for half in np.array_split(even, 2, axis=1))
        slopes.append(abs(near - far))
    assert np.mean(slopes) > 0.04


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("sigma", [0, 1, 2])
def test_no_threshold_does_it(volumes: list[tuple[Volume, Volume]], name: str, sigma: float) -> None:
    part, of_otsu, of_local, of_best = CLASSES.index(name) + 1, [], [], []
    for image, label in volumes:
        smooth, truth = ndimage.gaussian_filter(image.astype(np.float64), sigma), label == part
        mask = otsu_mask(smooth[None], torch.from_numpy(truth)[None]).numpy()[0]
        of_otsu.append(share_of_steps(mask, truth))
        of_local.append(share_of_steps(smooth > threshold_local(smooth, 15), truth))
        of_best.append(best_band(smooth, truth))
    assert np.mean(of_otsu) < 0.6 * MOST[name] and np.mean(of_local) < MOST[name] and np.mean(of_best) < MOST[name]


def test_the_scoring_would_see_a_band_that_works(volumes: list[tuple[Volume, Volume]]) -> None:
    for _, label in volumes[:3]:
        grey = np.where(label == HEAD, 1.0, 2.0 * (label == TAIL))
        noise = np.random.default_rng(0).uniform(0, 0.1, grey.shape)
        assert best_band(grey + noise, label == HEAD, 2000) > 0.95
        truth = torch.from_numpy(label == TAIL)[None]
        assert score_masks(torch.from_numpy(grey > 1.5)[None], truth)[0] == 1
