"""Whole images where they fit, a sliding window where they do not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.inferers import Inferer, SlidingWindowInferer

from monaiseg.errors import ConfigError

WHOLE = 2**21
"""Pixels or voxels up to which an image is predicted whole: 1448 x 1448, or 128 x 128 x 128."""


class WholeOrWindowInferer(Inferer):
    """Predict an image whole up to `whole` pixels, which is faster and has no seams; beyond, by MONAI's window.

    Args:
        roi_size: the window, one number an axis.
        overlap: of neighbouring windows, 0 to below 1.
        sw_batch_size: windows predicted at a time.
        whole: see above.
    """

    def __init__(
        self, roi_size: Sequence[int], overlap: float = 0.25, sw_batch_size: int = 4, whole: int = WHOLE
    ) -> None:
        super().__init__()
        if isinstance(overlap, bool) or not isinstance(overlap, int | float) or not 0 <= overlap < 1:
            raise ConfigError(f"overlap is {overlap!r}; it must be a number from 0 to below 1")
        self.whole = whole
        self.window = SlidingWindowInferer(
            roi_size=tuple(roi_size), overlap=overlap, sw_batch_size=sw_batch_size, mode="gaussian"
        )

    def __call__(self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> Any:
        """Return the network's logits for `inputs: [B, C, *spatial]`."""
        if math.prod(inputs.shape[2:]) <= self.whole:
            return network(inputs, *args, **kwargs)
        return self.window(inputs, network, *args, **kwargs)
