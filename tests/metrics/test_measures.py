"""The table of measures: each row computes what it says, also where a mask is empty."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from skimage.measure import label

from monaiseg.metrics.matching import match_instances
from monaiseg.metrics.measures import MEASURES
from monaiseg.metrics.overlap import count_pixels
from monaiseg.metrics.saliency import saliency_scores
from monaiseg.metrics.surface import surface_scores

SPACING = (0.5, 2.0, 1.5)
NAMES = (
    "dice iou mean_class_iou precision recall specificity hd95 nsd s_measure e_mean e_max weighted_f mae "
    "dice_over_thresholds iou_over_thresholds ap50 ap75 ap ap_kaggle f1_50 pq sq rq aji"
)

Map = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def computed(needs: str, prediction: Map, truth: Bools) -> Any:
    """What a measure needs, from a map of probabilities."""
    mask = prediction > 0.5
    if needs == "masks":
        return count_pixels(*(torch.from_numpy(array)[None, None] for array in (mask, truth))).numpy()
    if needs == "surface":
        return surface_scores(mask, truth, 0.5, SPACING[: truth.ndim])
    if needs == "probabilities":
        return saliency_scores(prediction, truth)
    return match_instances(label(mask), label(truth))


def blocks(shape: tuple[int, ...], start: int) -> Bools:
    """Two objects, away from the edges."""
    mask = np.zeros(shape, bool)
    mask[start : start + 4, 4:8] = True
    mask[start : start + 3, 10:12] = True
    return mask


SHAPES = [(16, 18), (16, 18, 5)]
ROWS = [(name, shape) for name, measure in MEASURES.items() for shape in SHAPES if len(shape) in measure.spatial_dims]


def test_all_are_there() -> None:
    assert list(MEASURES) == NAMES.split()
    assert all(name == measure.name and measure.what and measure.paper for name, measure in MEASURES.items())


@pytest.mark.parametrize(("name", "shape"), ROWS)
@pytest.mark.parametrize("case", ["both_empty", "truth_empty", "prediction_empty"])
def test_empty_masks_give_what_the_table_says(name: str, shape: tuple[int, ...], case: str) -> None:
    some, none = blocks(shape, 3), np.zeros(shape, bool)
    truth = some if case == "prediction_empty" else none
    prediction = 0.8 * some + 0.2 * np.roll(some, 1, 0) if case == "truth_empty" else np.zeros(shape)
    grey = prediction if MEASURES[name].needs == "probabilities" else prediction > 0.5
    meaning = {
        "N": truth.size,
        "t": truth.mean(),
        "p": grey.mean(),
        "q": (grey == grey.max()).mean(),
        "diagonal": math.hypot(*(n * side for n, side in zip(shape, SPACING))),
    }
    told = getattr(MEASURES[name], case)
    expected = eval(told, {}, meaning) if isinstance(told, str) else told
    found = float(np.squeeze(MEASURES[name].of(computed(MEASURES[name].needs, prediction, truth))))
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("name", "shape"), ROWS)
def test_a_perfect_prediction_is_better_than_one_that_errs(name: str, shape: tuple[int, ...]) -> None:
    measure, truth = MEASURES[name], blocks(shape, 3)
    noise = np.random.default_rng(0).uniform(0, 0.4, shape)
    perfect, moved, elsewhere = (
        float(np.squeeze(measure.of(computed(measure.needs, prediction, truth))))
        for prediction in (truth.astype(float), np.abs(blocks(shape, 5) - noise), np.abs(blocks(shape, 8) - noise))
    )
    sign = 1 if measure.better == "higher" else -1
    assert sign * perfect > sign * moved >= sign * elsewhere
    assert perfect == pytest.approx(float(measure.better == "higher"), abs=0.02)


def test_measures_at_a_threshold_find_it_among_the_matches() -> None:
    """Three rows in five, and two in four, are met: IoU 0.6 and 0.5."""
    matches = match_instances(label(blocks((16, 18), 3)), label(blocks((16, 18), 4)), (0.75, 0.5))
    assert MEASURES["ap50"].of(matches) == 1 and MEASURES["ap75"].of(matches) == 0
    assert MEASURES["rq"].of(matches) == 0.5, "panoptic quality wants more than a half"
    assert MEASURES["sq"].of(matches) == 0.6 and MEASURES["pq"].of(matches) == 0.3
