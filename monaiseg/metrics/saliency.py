"""The measures of PraNet's evaluation (Fan et al. 2020): of a probability map against a mask, over all thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from monaiseg.errors import ConfigError
from monaiseg.metrics._structure import EPS, structure
from monaiseg.metrics._weighted_f import weighted_f
from monaiseg.metrics.truth import Truth

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class SaliencyScores:
    """The measures of one map; the curves are [256], one value for each threshold 0, 1/255, ..., 1.

    Attributes:
        s_measure: structure measure (Fan et al. 2017, alpha 0.5), 0..1.
        weighted_f: weighted F-measure (Margolin et al. 2014, beta^2 1), 0..1.
        mae: mean absolute error, 0..1.
        e_curve: enhanced-alignment measure (Fan et al. 2018) of the mask at each threshold; a perfect mask of N pixels
            has N / (N - 1).
        dice_curve: Dice at each threshold; `iou_curve`: IoU.
    """

    s_measure: float
    weighted_f: float
    mae: float
    e_curve: Floats
    dice_curve: Floats
    iou_curve: Floats

    @property
    def e_mean(self) -> float:
        """The mean of `e_curve`."""
        return float(self.e_curve.mean())

    @property
    def e_max(self) -> float:
        """The maximum of `e_curve`; PraNet's for a data set is that of the mean curve of all images."""
        return float(self.e_curve.max())

    @property
    def dice_over_thresholds(self) -> float:
        """The mean of `dice_curve`, which PraNet's tables call mDice."""
        return float(self.dice_curve.mean())

    @property
    def iou_over_thresholds(self) -> float:
        """The mean of `iou_curve`, which PraNet's tables call mIoU."""
        return float(self.iou_curve.mean())


class _Reached(NamedTuple):
    """How many pixels reach each threshold, [256] each: `hits` of the truth, `chosen` of all."""

    hits: Floats
    chosen: Floats


def saliency_scores(probabilities: Values, truth: Bools | Truth) -> SaliencyScores:
    """Return the measures of a map of probabilities `[H, W]` against a boolean truth `[H, W]`.

    The map is stretched first so that its lowest value becomes 0 and its highest 1, as PraNet's evaluation does, unless
    it is constant: a map whose highest probability is 0.01 counts as one that is sure there.

    Args:
        probabilities: of one class; or a boolean mask, which is scored as a map of zeros and ones, and quicker.
        truth: of the same.

    Raises:
        ConfigError: the sizes differ or are not 2D, the map does not hold probabilities, or the truth is not boolean.
    """
    truth = Truth.of(truth)
    if truth.mask.ndim != 2 or probabilities.shape != truth.mask.shape:
        raise ConfigError(
            f"probabilities are {probabilities.shape} and truth {truth.mask.shape}; both must be [H, W] and equal"
        )
    if truth.mask.dtype != bool:
        raise ConfigError(f"truth is {truth.mask.dtype}; it must be boolean, such as label > 0")
    if probabilities.dtype == bool:
        values, reached = probabilities, _reached_by_mask(probabilities, truth)
        error = (values ^ truth.mask).astype(np.float64)
    else:
        values = _stretched(probabilities)
        reached, error = _reached(values, truth), np.abs(values - truth.mask)
    size = truth.size
    return SaliencyScores(
        s_measure=structure(values, truth),
        weighted_f=weighted_f(error, truth),
        mae=float(error.mean()),
        e_curve=_alignment(reached, size, truth.mask.size),
        dice_curve=2 * reached.hits / np.maximum(reached.chosen + size, 1),
        iou_curve=reached.hits / np.maximum(reached.chosen + size - reached.hits, 1),
    )


def _stretched(probabilities: Values) -> Floats:
    low, high = float(probabilities.min()), float(probabilities.max())
    if not (low >= 0 and high <= 1):
        raise ConfigError("probabilities must lie between 0 and 1, not be logits or NaN")
    stretched = probabilities.astype(np.float64)
    if low != high:
        stretched -= low
        stretched /= high - low
    return stretched


def _reached(stretched: Floats, truth: Truth) -> _Reached:
    bins = (stretched * 255).astype(np.int16) + truth.mask * np.int16(256)
    outside, inside = np.bincount(bins.reshape(-1), minlength=512).reshape(2, 256)[:, ::-1].cumsum(1)[:, ::-1]
    return _Reached(inside.astype(np.float64), (inside + outside).astype(np.float64))


def _reached_by_mask(mask: Bools, truth: Truth) -> _Reached:
    hits, chosen = np.full(256, np.count_nonzero(mask & truth.mask), float), np.full(256, np.count_nonzero(mask), float)
    hits[0], chosen[0] = truth.size, mask.size
    return _Reached(hits, chosen)


def _alignment(reached: _Reached, size: int, pixels: int) -> Floats:
    """Return the E-measure at each threshold: pixels of one kind, such as hits, have one value."""
    hits, chosen = reached
    if size in (0, pixels):
        return (chosen if size else pixels - chosen) / (pixels - 1 + EPS)
    mean, true_mean = chosen / pixels, size / pixels
    kinds = (
        (hits, 1 - mean, 1 - true_mean),
        (chosen - hits, 1 - mean, -true_mean),
        (size - hits, -mean, 1 - true_mean),
        (pixels - chosen - size + hits, -mean, -true_mean),
    )
    total = sum(count * (2 * a * b / (a * a + b * b + EPS) + 1) ** 2 / 4 for count, a, b in kinds)
    return np.asarray(total / (pixels - 1 + EPS))
