"""The generated polyps: plausible as colonoscopy, and without a giveaway."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from monaiseg.data import generate_polyps

Pixels = npt.NDArray[np.uint8]


def seen(image: Pixels) -> npt.NDArray[np.bool_]:
    """Where the camera's window lets light through: not in the black corners."""
    dark = ndimage.gaussian_filter(image.max(2).astype(np.float64), 1) < 14
    names, _ = ndimage.label(dark)
    return ~np.isin(names, [name for name in names[[0, 0, -1, -1], [0, -1, 0, -1]] if name])


def test_mostly_one_polyp_and_some_images_with_more(whole_set: Callable) -> None:
    """A polyp cut by the border or by another counts with what is seen of it."""
    counts = [ndimage.label(ndimage.binary_opening(truth, iterations=2))[1] for _, truth in whole_set("polyps")]
    assert min(counts) >= 1 and max(counts) <= 4
    assert 0.6 <= np.mean(np.array(counts) == 1) <= 0.9


def test_some_are_cut_by_the_border_and_some_are_whole(whole_set: Callable) -> None:
    cut = [bool(truth[[0, -1]].any() or truth[:, [0, -1]].any()) for _, truth in whole_set("polyps")]
    assert 0.15 <= np.mean(cut) <= 0.75


def test_outlines_vary_from_round_to_stalked(whole_set: Callable) -> None:
    """A disc has a compactness of 1; lobes and stalks make it fall."""
    round_ones = stalked = 0
    for _, truth in whole_set("polyps"):
        edge = truth & ~ndimage.binary_erosion(truth, border_value=1)
        compact = 4 * np.pi * truth.sum() / (1.1 * edge.sum()) ** 2
        round_ones += compact > 0.8
        stalked += compact < 0.65
    assert round_ones >= 6 and stalked >= 6


def test_the_mask_ends_where_the_camera_sees_nothing(whole_set: Callable) -> None:
    for image, truth in whole_set("polyps"):
        blind = ~ndimage.binary_dilation(seen(image), iterations=3)
        assert not (truth & blind).any()


def test_polyp_and_mucosa_share_their_colours(whole_set: Callable) -> None:
    """In each channel and in hue, the polyp lies above the mucosa in some images and below it in others."""
    signs = []
    for image, truth in whole_set("polyps"):
        inside, outside = (image[part].mean(0) for part in (truth, seen(image) & ~truth))
        hues = [colour[1] / colour[0] for colour in (inside, outside)]
        signs.append([*(inside > outside), hues[0] > hues[1]])
    for share in np.mean(signs, axis=0):
        assert 0.15 <= share <= 0.85


def test_every_image_is_noisy_and_lit_unevenly(whole_set: Callable) -> None:
    for image, truth in whole_set("polyps"):
        wall = ndimage.binary_erosion(seen(image) & ~truth, iterations=3)
        green = image[..., 1].astype(np.float64)
        assert (green - ndimage.gaussian_filter(green, 1))[wall].std() > 1.0
        slow = ndimage.gaussian_filter(green, 6)[wall]
        assert np.percentile(slow, 95) > 1.25 * np.percentile(slow, 5)


def test_a_larger_image_shows_the_same_polyps() -> None:
    """Lengths follow the size, so that a set of larger images is the same task and not smaller polyps."""
    for seed in range(6):
        small, large = (generate_polyps(seed, size)[1] > 0 for size in (128, 256))
        assert 2 * (small & large[::2, ::2]).sum() / (small.sum() + large[::2, ::2].sum()) > 0.95
