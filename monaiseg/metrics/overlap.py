"""Measures that are functions of four counts: true and false positives, false and true negatives of pixels.

Counts can be added, so that each measure has a mean over images, a value over a data set, and one by batches.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from monaiseg.errors import ConfigError

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
SMOOTH = 1e-5
"""Added above and below by pytorch-nested-unet's scores."""


def count_pixels(prediction: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return TP, FP, FN and TN of boolean masks `[B, K, *S]` as int64 `[B, K, 4]`, on their device.

    Nothing is copied to the CPU, and sums are of integers: float32 counts to 2^24 only, a volume of 256^3.

    Raises:
        ConfigError: the sizes differ, or the masks are not boolean.
    """
    if prediction.shape != truth.shape:
        raise ConfigError(f"prediction is {tuple(prediction.shape)} and truth {tuple(truth.shape)}; they must be equal")
    if prediction.dtype != torch.bool or truth.dtype != torch.bool:
        raise ConfigError(f"prediction is {prediction.dtype} and truth {truth.dtype}; both must be boolean")
    hits, chosen, true = (mask.flatten(2).sum(2) for mask in (prediction & truth, prediction, truth))
    size = truth.shape[2:].numel()
    return torch.stack([hits, chosen - hits, true - hits, size - chosen - true + hits], dim=2)


def dice(counts: Counts) -> Floats:
    """Return 2 TP / (2 TP + FP + FN) of counts `[..., 4]`; 1 where both masks are empty."""
    tp, fp, fn, _ = _parts(counts)
    return _ratio(2 * tp, 2 * tp + fp + fn)


def iou(counts: Counts) -> Floats:
    """Return TP / (TP + FP + FN) of counts `[..., 4]`; 1 where both masks are empty."""
    tp, fp, fn, _ = _parts(counts)
    return _ratio(tp, tp + fp + fn)


def precision(counts: Counts) -> Floats:
    """Return TP / (TP + FP) of counts `[..., 4]`; 1 where both masks are empty, 0 where the prediction alone is."""
    tp, fp, fn, _ = _parts(counts)
    return np.where((tp + fp == 0) & (fn > 0), 0.0, _ratio(tp, tp + fp))


def recall(counts: Counts) -> Floats:
    """Return TP / (TP + FN) of counts `[..., 4]`; 1 where both masks are empty, 0 where the truth alone is."""
    tp, fp, fn, _ = _parts(counts)
    return np.where((tp + fn == 0) & (fp > 0), 0.0, _ratio(tp, tp + fn))


def specificity(counts: Counts) -> Floats:
    """Return TN / (TN + FP) of counts `[..., 4]`; 1 where the truth is everywhere, so that there is no negative."""
    _, fp, _, tn = _parts(counts)
    return _ratio(tn, tn + fp)


def mean_class_iou(counts: Counts) -> Floats:
    """Return the mean of the IoU of the foreground and that of the background, of counts `[..., 4]`.

    Where a paper gives an mIoU of two classes it may be this one, and is then far above the IoU of the foreground.
    """
    return (iou(counts) + iou(np.asarray(counts)[..., ::-1])) / 2


def pooled(counts: Counts, axis: int = 0) -> Counts:
    """Return the counts summed over images, for the value over a data set; `[N, ..., 4]` becomes `[..., 4]`."""
    return np.asarray(np.asarray(counts, np.int64).sum(axis))


def iou_by_batches(counts: Counts, size: int = 16) -> float:
    """Return the IoU as pytorch-nested-unet prints it, of counts `[N, K, 4]` of images in the order they came in.

    The counts of each `size` consecutive images and of all classes are summed, 1e-5 is added above and below, and the
    mean over batches is weighted by how many images each has.

    Raises:
        ConfigError: there is no image.
    """
    if not len(counts):
        raise ConfigError("there is no image to count; is the data set empty?")
    starts = np.arange(0, len(counts), size)
    tp, fp, fn, _ = _parts(np.add.reduceat(np.asarray(counts, np.int64), starts).sum(1))
    scores = (tp + SMOOTH) / (tp + fp + fn + SMOOTH)
    return float(np.average(scores, weights=np.diff(starts, append=len(counts))))


def _parts(counts: Counts) -> Counts:
    return np.moveaxis(np.asarray(counts, np.int64), -1, 0)


def _ratio(part: Counts, whole: Counts) -> Floats:
    return np.where(whole == 0, 1.0, part / np.maximum(whole, 1))
