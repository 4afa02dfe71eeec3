"""The weighted F-measure (Margolin et al. 2014, beta^2 1): errors weigh by where they lie, and by those beside them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import convolve1d

from monaiseg.metrics._structure import EPS, dot
from monaiseg.metrics.truth import Truth

Floats = npt.NDArray[np.float64]

REACH = 3
"""Pixels to either side that the Gaussian covers."""

GAUSSIAN = np.exp(-(np.arange(-REACH, REACH + 1) ** 2) / (2 * 5**2))


def weighted_f(error: Floats, truth: Truth) -> float:
    """Return the measure, 0..1, from the error of each pixel `[H, W]`; of an empty truth 0."""
    if not truth.size:
        return 0.0
    of_truth = error[truth.mask]
    inside = np.minimum(of_truth, _smoothed(error, truth))
    outside = dot(error, truth.importance) - of_truth.sum()
    hits, recall = inside.size - inside.sum(), 1 - inside.mean()
    precision = hits / (hits + outside + EPS)
    return float(2 * recall * precision / (recall + precision + EPS))


def _smoothed(error: Floats, truth: Truth) -> Floats:
    """Return the error of each true pixel, smoothed; pixels outside take part with the error of their nearest one."""
    around = tuple(slice(max(0, part.start - REACH), part.stop + REACH) for part in truth.box)
    smoothed = error.take(truth.nearest[around])
    for axis in (0, 1):
        smoothed = convolve1d(smoothed, GAUSSIAN / GAUSSIAN.sum(), axis=axis, mode="constant")
    return np.asarray(smoothed[truth.mask[around]])
