"""What the generators share: the types of what they draw, and slow random fields."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Field = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

SMALLEST = 64


def check_size(size: int) -> None:
    """Refuse an image too small to hold what is drawn on it.

    Raises:
        ValueError: it is smaller than 64.
    """
    if size < SMALLEST:
        raise ValueError(f"size must be at least {SMALLEST} to hold what is drawn, not {size}")


def smooth_field(rng: np.random.Generator, size: int, knots: int) -> Field:
    """Return a slow random field in 0..1, [size, size]; the more knots, the finer."""
    slow = ndimage.zoom(rng.random((knots, knots)), size / knots, order=3)
    field: Field = (slow - slow.min()) / np.ptp(slow)
    return field
