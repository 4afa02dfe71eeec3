"""Counts of pixels and what follows from them: against a reckoning with sets of coordinates."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_maps import nuclei_pairs
from torch.utils._python_dispatch import TorchDispatchMode

from monaiseg.errors import ConfigError
from monaiseg.metrics.overlap import (
    count_pixels,
    dice,
    iou,
    iou_by_batches,
    mean_class_iou,
    pooled,
    precision,
    recall,
    specificity,
)

Bools = npt.NDArray[np.bool_]
MEASURES = (dice, iou, precision, recall, specificity, mean_class_iou)
SHAPES = [(2, 3, 4, 5), (3, 1, 2, 3, 4), (1, 2, 6, 1), (2, 1, 1, 1)]


def ratio(part: int, whole: int, otherwise: int) -> float:
    return float(Fraction(part, whole)) if whole else float(otherwise)


def reckon(prediction: Bools, truth: Bools) -> list[float]:
    """The measures of one mask from sets of coordinates."""
    p, t = ({tuple(at) for at in np.argwhere(mask)} for mask in (prediction, truth))
    everywhere = set(np.ndindex(truth.shape))
    q, u = everywhere - p, everywhere - t
    equal = p == t == set()
    front, back = ratio(len(p & t), len(p | t), 1), ratio(len(q & u), len(q | u), 1)
    return [
        ratio(2 * len(p & t), len(p) + len(t), 1),
        front,
        ratio(len(p & t), len(p), equal),
        ratio(len(p & t), len(t), equal),
        ratio(len(q & u), len(u), 1),
        (front + back) / 2,
    ]


def check(prediction: Bools, truth: Bools) -> None:
    counts = count_pixels(torch.from_numpy(prediction), torch.from_numpy(truth))
    assert counts.dtype == torch.int64 and counts.shape == (*truth.shape[:2], 4)
    assert (counts.sum(2) == truth[0, 0].size).all()
    found = np.stack([measure(counts.numpy()) for measure in MEASURES])
    assert found.shape == (len(MEASURES), *truth.shape[:2]) and found.dtype == np.float64
    for case, channel in np.ndindex(truth.shape[:2]):
        assert found[:, case, channel].tolist() == reckon(prediction[case, channel], truth[case, channel])


@given(st.sampled_from(SHAPES).flatmap(lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape))))
def test_the_measures_are_those_of_sets(pair: tuple[Bools, Bools]) -> None:
    check(*pair)


def test_random_masks() -> None:
    """Dense and sparse ones, 240 pairs."""
    rng = np.random.default_rng(0)
    for levels in itertools.product((0, 0.02, 0.5, 0.98, 1), repeat=2):
        check(*(rng.random((5, 2, 7, 6)) < level for level in levels))


def test_real_nuclei(real_data: Callable[[str], Path]) -> None:
    for predicted, truth in nuclei_pairs(real_data("dsb2018/stage1_train"), 3):
        check(predicted[None, None, ::4, ::4] > 0, truth[None, None, ::4, ::4] > 0)


@pytest.mark.parametrize(
    ("counts", "values"),
    [
        ((0, 0, 0, 9), (1, 1, 1, 1, 1, 1)),
        ((0, 3, 0, 6), (0, 0, 0, 0, 6 / 9, 3 / 9)),
        ((0, 0, 3, 6), (0, 0, 0, 0, 1, 3 / 9)),
        ((9, 0, 0, 0), (1, 1, 1, 1, 1, 1)),
        ((3, 0, 6, 0), (6 / 12, 3 / 9, 1, 3 / 9, 1, 1 / 6)),
        ((0, 9, 0, 0), (0, 0, 0, 0, 0, 0)),
    ],
    ids=["both empty", "truth empty", "prediction empty", "both full", "truth full", "opposed"],
)
def test_empty_and_full_masks(counts: tuple[int, ...], values: tuple[float, ...]) -> None:
    assert [float(measure(np.array(counts))) for measure in MEASURES] == list(values)


def test_large_volumes_are_counted_exactly() -> None:
    """2^24 + 3 voxels in one mask."""
    truth = torch.ones(1, 1, 2**24 + 3, dtype=torch.bool)
    prediction = truth.clone()
    prediction[0, 0, 0] = False
    counts = count_pixels(prediction, truth)
    assert counts.tolist() == [[[2**24 + 2, 0, 1, 0]]]
    assert 1 - recall(counts.numpy())[0, 0] == pytest.approx(1 / (2**24 + 3), rel=1e-6)


class NoCopies(TorchDispatchMode):
    """Refuses what waits for a device: reading a value, copying to another device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert not any(name in str(func) for name in ("_local_scalar_dense", "_to_copy", "nonzero", "copy_")), func
        return func(*args, **(kwargs or {}))


def test_counting_waits_for_no_device() -> None:
    masks = torch.rand(2, 2, 3, 4, 5) > 0.5
    with NoCopies():
        count_pixels(masks, ~masks)
    meta = torch.empty(2, 3, 8, 8, dtype=torch.bool, device="meta")
    assert count_pixels(meta, meta).shape == (2, 3, 4)


def test_over_a_data_set_large_images_weigh_more() -> None:
    counts = np.array([[[1, 0, 1, 2]], [[90, 0, 10, 300]]])
    assert dice(pooled(counts)).tolist() == [182 / 193]
    assert dice(counts).mean() == (2 / 3 + 180 / 190) / 2
    assert pooled(counts).tolist() == [[91, 0, 11, 302]]


@pytest.mark.parametrize("images", [1, 16, 17, 40])
def test_by_batches(images: int) -> None:
    """As pytorch-nested-unet: the masks of a batch together, and AverageMeter's mean weighted by the batch's size."""
    rng = np.random.default_rng(images)
    masks = [torch.from_numpy(rng.random((images, 2, 5, 6)) < rng.random((images, 2, 1, 1))) for _ in range(2)]
    total = 0.0
    for p, t in zip(*(mask.split(16) for mask in masks)):
        total += len(p) * ((p & t).sum().item() + 1e-5) / ((p | t).sum().item() + 1e-5)
    assert iou_by_batches(count_pixels(*masks).numpy()) == pytest.approx(total / images, abs=1e-14)


def test_an_empty_data_set_has_no_mean_by_batches() -> None:
    with pytest.raises(ConfigError, match="there is no image to count"):
        iou_by_batches(np.zeros((0, 1, 4), np.int64))


def test_what_cannot_be_counted_is_refused() -> None:
    mask = torch.ones(1, 1, 2, 3, dtype=torch.bool)
    with pytest.raises(ConfigError, match="they must be equal"):
        count_pixels(mask, mask.mT)
    with pytest.raises(ConfigError, match="both must be boolean"):
        count_pixels(mask.float(), mask)
