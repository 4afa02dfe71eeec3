"""The generated nuclei: plausible as fluorescence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage


def test_nuclei_touch(whole_set: Callable) -> None:
    """Cutting the necks by erosion parts most images into more pieces than they had: nuclei were touching."""
    cases = whole_set("nuclei")
    parted = 0
    for _, truth in cases:
        thick = ndimage.distance_transform_edt(truth) > 5
        parted += ndimage.label(thick)[1] > ndimage.label(truth)[1]
    assert parted >= 0.75 * len(cases)


def test_background_is_noisy(whole_set: Callable) -> None:
    """Shot noise: neighbouring pixels of the background differ, so that no image is a clean drawing."""
    for image, truth in whole_set("nuclei"):
        grey = np.asarray(Image.fromarray(image).convert("L"), dtype=np.float64)
        rough = (grey - ndimage.gaussian_filter(grey, 1.0))[~ndimage.binary_dilation(truth, iterations=4)]
        assert rough.std() > 0.5
