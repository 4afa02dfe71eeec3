"""The measures of PraNet's evaluation (Fan et al. 2020): of a probability map against a mask, over all thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import convolve1d, distance_transform_edt

from monaiseg.errors import ConfigError

EPS = float(np.spacing(1))
REACH = 3
"""Pixels to either side that the Gaussian of the weighted F-measure covers."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


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


class Surroundings(NamedTuple):
    """What the weighted F-measure needs of a truth alone, `[H, W]` each.

    Attributes:
        nearest: of each pixel the nearest of the truth, by its place in the flat array.
        importance: the weight of its error: 1 on the truth, rising to 2 far from it (section 4.2 of the paper).
    """

    nearest: npt.NDArray[np.intp]
    importance: Floats

    @classmethod
    def of(cls, truth: Bools) -> Surroundings:
        """Return those of a truth that is not empty; several maps can be scored by them."""
        rows, columns = distance_transform_edt(~truth, return_distances=False, return_indices=True)
        down = rows - np.arange(len(rows), dtype=np.int32)[:, None]
        across = columns - np.arange(columns.shape[1], dtype=np.int32)
        importance = 2 - np.exp2(np.sqrt(down * down + across * across) / -5)
        return cls(rows.astype(np.intp) * truth.shape[1] + columns, importance)


def saliency_scores(
    probabilities: npt.NDArray[np.floating[Any]], truth: Bools, surroundings: Surroundings | None = None
) -> SaliencyScores:
    """Return the measures of a map of probabilities `[H, W]` against a boolean truth `[H, W]`.

    The map is stretched first so that its lowest value becomes 0 and its highest 1, as PraNet's evaluation does, unless
    it is constant: a map whose highest probability is 0.01 counts as one that is sure there.

    Args:
        probabilities: of one class.
        truth: of the same.
        surroundings: of the truth, where they are known from another map.

    Raises:
        ConfigError: the sizes differ or are not 2D, or the map does not hold probabilities.
    """
    if truth.ndim != 2 or probabilities.shape != truth.shape:
        raise ConfigError(
            f"probabilities are {probabilities.shape} and truth {truth.shape}; both must be [H, W] and equal"
        )
    low, high = float(probabilities.min()), float(probabilities.max())
    if not (low >= 0 and high <= 1):
        raise ConfigError("probabilities must lie between 0 and 1, not be logits or NaN")
    stretched = probabilities.astype(np.float64)
    if low != high:
        stretched -= low
        stretched /= high - low
    error = np.abs(stretched - truth)
    reached, size = _reached(stretched, truth), int(np.count_nonzero(truth))
    return SaliencyScores(
        s_measure=_structure(stretched, truth),
        weighted_f=_weighted_f(error, truth, surroundings or Surroundings.of(truth)) if size else 0.0,
        mae=float(error.mean()),
        e_curve=_alignment(reached, size, truth.size),
        dice_curve=2 * reached.hits / np.maximum(reached.chosen + size, 1),
        iou_curve=reached.hits / np.maximum(reached.chosen + size - reached.hits, 1),
    )


def _reached(stretched: Floats, truth: Bools) -> _Reached:
    bins = (stretched * 255).astype(np.int16) + truth * np.int16(256)
    outside, inside = np.bincount(bins.reshape(-1), minlength=512).reshape(2, 256)[:, ::-1].cumsum(1)[:, ::-1]
    return _Reached(inside.astype(np.float64), (inside + outside).astype(np.float64))


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


def _structure(stretched: Floats, truth: Bools) -> float:
    """Return the S-measure: half for the objects (eq. 5 of the paper), half for four regions (eq. 7)."""
    share = np.count_nonzero(truth) / truth.size
    if share in (0.0, 1.0):
        return float(stretched.mean() if share else 1 - stretched.mean())
    objects = share * _object(stretched[truth]) + (1 - share) * _object(1 - stretched[~truth])
    return max(0.0, 0.5 * objects + 0.5 * _regions(stretched, truth))


def _object(values: Floats) -> float:
    """Return the similarity of values to ones; overwrites them."""
    mean = values.mean()
    values -= mean
    deviation = np.sqrt(_dot(values, values) / max(1, values.size - 1))
    return float(2 * mean / (mean**2 + 1 + deviation + EPS))


def _regions(stretched: Floats, truth: Bools) -> float:
    """Return the similarity of the four parts around the centre of the truth, weighted by their sizes."""
    height, width = truth.shape
    size = np.count_nonzero(truth)
    row = round(float(truth.sum(1) @ np.arange(height) / size)) + 1
    column = round(float(truth.sum(0) @ np.arange(width) / size)) + 1
    parts = [(rows, columns) for rows in np.s_[:row, row:] for columns in np.s_[:column, column:]]
    return sum(truth[part].size / truth.size * _similarity(stretched[part], truth[part]) for part in parts)


def _similarity(stretched: Floats, truth: Bools) -> float:
    if not truth.size:
        return 0.0
    x, y = stretched.mean(), np.count_nonzero(truth) / truth.size
    apart, true_apart = stretched - x, truth - y
    pixels = truth.size - 1 + EPS
    both = _dot(apart, true_apart) / pixels
    spread = (_dot(apart, apart) + _dot(true_apart, true_apart)) / pixels
    above, below = 4 * x * y * both, (x**2 + y**2) * spread
    if above != 0:
        return float(above / (below + EPS))
    return float(below == 0)


def _dot(one: Floats, other: Floats) -> float:
    """Return the sum of the products. BLAS would start threads, which wait for a processor that the network has."""
    return float(np.einsum("i,i->", one.reshape(-1), other.reshape(-1)))


def _weighted_f(error: Floats, truth: Bools, surroundings: Surroundings) -> float:
    """Return the weighted F-measure; the truth is not empty."""
    inside = np.minimum(error[truth], _smoothed(error, truth, surroundings.nearest))
    outside = _dot(error, surroundings.importance) - error[truth].sum()
    hits, recall = inside.size - inside.sum(), 1 - inside.mean()
    precision = hits / (hits + outside + EPS)
    return float(2 * recall * precision / (recall + precision + EPS))


def _smoothed(error: Floats, truth: Bools, nearest: npt.NDArray[np.intp]) -> Floats:
    """Return the error of each true pixel, smoothed; pixels outside take part with the error of their nearest one."""
    around = tuple(
        slice(max(0, int(found[0]) - REACH), int(found[-1]) + REACH + 1)
        for found in (np.flatnonzero(truth.any(axis)) for axis in (1, 0))
    )
    weights = np.exp(-(np.arange(-REACH, REACH + 1) ** 2) / (2 * 5**2))
    smoothed = error.take(nearest[around])
    for axis in (0, 1):
        smoothed = convolve1d(smoothed, weights / weights.sum(), axis=axis, mode="constant")
    return np.asarray(smoothed[truth[around]])
