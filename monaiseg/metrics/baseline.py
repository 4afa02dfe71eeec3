"""The baseline that every score stands beside: Otsu's threshold, in whichever polarity fits the truth better."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import Transform
from skimage.filters import threshold_otsu

from monaiseg.metrics.overlap import count_pixels, dice

LUMA = (0.299, 0.587, 0.114)
"""ITU-R 601 weights of red, green and blue."""


def otsu_mask(image: npt.NDArray[Any], truth: torch.Tensor) -> torch.Tensor:
    """Return Otsu's mask as bool `[K, *spatial]`: for each class the polarity with the higher Dice.

    image: [C, *spatial], made grey first: luma of three channels, the mean of others.
    truth: bool [K, *spatial], consulted for the polarity alone, in the baseline's favour.
    """
    grey = np.tensordot(LUMA, image, axes=1) if len(image) == 3 else image.mean(axis=0)
    if image.dtype == np.uint8:
        grey = np.round(grey).astype(np.uint8)
    above = torch.from_numpy(grey > threshold_otsu(grey))[None]
    sides = torch.stack([above, ~above])
    bright, dark = (dice(count_pixels(side.expand_as(truth)[None], truth[None])[0].numpy()) for side in sides)
    return torch.cat([above if better else ~above for better in bright >= dark])


class OtsuBaseline(Transform):
    """Add `"baseline": [K, *spatial]`, Otsu's mask of the image before it is normalised or resized."""

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the item with its baseline."""
        return item | {"baseline": otsu_mask(item["image"].numpy(), item["label"] > 0).byte()}
