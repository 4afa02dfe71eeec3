"""The table of all measures: what each is, what it is computed from, and what it gives where a mask is empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from monaiseg.metrics import matching, overlap

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """One measure, of one class of one case.

    Its values for empty masks are numbers, or formulas of N, the image's pixels; t, the share of them that is true; p,
    the share that is predicted, of a map its mean; q, the share at a map's maximum; and `diagonal`, the length of the
    image's in the unit. A map is empty where it is 0 throughout, and stretched before p is taken.

    Attributes:
        name: its key in `MEASURES`.
        title: as people write it.
        what: one line.
        of: gives its value from what `needs` says: of "masks" the counts `[..., 4]` (`count_pixels`), of
            "probabilities" `SaliencyScores`, of "instances" `Matches`, of "surface" `SurfaceScores`.
        needs: what it is computed from.
        better: whether higher or lower is.
        unit: "mm or pixels" (of volumes and of pictures), or "" for a share of 1.
        spatial_dims: of the images that it is defined for.
        both_empty: its value where neither mask has a pixel.
        truth_empty: where only the truth has none.
        prediction_empty: where only the prediction has none.
        paper: that defines it.
    """

    name: str
    title: str
    what: str
    of: Callable[[Any], Any]
    needs: Literal["masks", "probabilities", "instances", "surface"]
    both_empty: float | str
    truth_empty: float | str
    prediction_empty: float | str
    paper: str
    better: Literal["higher", "lower"] = "higher"
    unit: Literal["", "mm or pixels"] = ""
    spatial_dims: tuple[int, ...] = (2, 3)


def _at(threshold: float, measure: Callable[[matching.Matches], Floats]) -> Callable[[matching.Matches], float]:
    """Return a measure of instances at one IoU threshold, which must be among those of the matches."""

    def of(matches: matching.Matches) -> float:
        return float(measure(matches)[matches.thresholds.tolist().index(threshold)])

    return of


_mask = partial(Measure, needs="masks", both_empty=1, truth_empty=0, prediction_empty=0)
_map = partial(Measure, needs="probabilities", spatial_dims=(2,))
_objects = partial(Measure, needs="instances", both_empty=1, truth_empty=0, prediction_empty=0)
_surface = partial(Measure, needs="surface")

_DICE, _JACCARD = "Dice 1945", "Jaccard 1912"
_PRANET, _STARDIST = "Fan et al. 2020 (PraNet)", "Schmidt et al. 2018 (StarDist)"
_PQ = "Kirillov et al. 2019"
_TAHA = "Taha and Hanbury 2015"

_ALL = (
    _mask("dice", "Dice", "2 TP / (2 TP + FP + FN)", overlap.dice, paper=_DICE),
    _mask("iou", "IoU", "TP / (TP + FP + FN)", overlap.iou, paper=_JACCARD),
    _mask(
        "mean_class_iou",
        "mean class IoU",
        "mean of the IoU of the class and that of everything else",
        overlap.mean_class_iou,
        truth_empty="(1 - p) / 2",
        prediction_empty="(1 - t) / 2",
        paper="Everingham et al. 2010 (VOC)",
    ),
    _mask("precision", "precision", "TP / (TP + FP)", overlap.precision, paper=_TAHA),
    _mask("recall", "recall", "TP / (TP + FN), the sensitivity", overlap.recall, paper=_TAHA),
    _mask(
        "specificity",
        "specificity",
        "TN / (TN + FP); 1 where all is true",
        overlap.specificity,
        truth_empty="1 - p",
        prediction_empty=1,
        paper=_TAHA,
    ),
    _surface(
        "hd95",
        "HD95",
        "the larger 95th percentile of the distances from each surface to the other",
        attrgetter("hd95"),
        both_empty=0,
        truth_empty="diagonal",
        prediction_empty="diagonal",
        better="lower",
        unit="mm or pixels",
        paper="Huttenlocher et al. 1993",
    ),
    _surface(
        "nsd",
        "NSD",
        "share of both surfaces that lies within a tolerance of the other",
        attrgetter("nsd"),
        both_empty=1,
        truth_empty=0,
        prediction_empty=0,
        paper="Nikolov et al. 2018",
    ),
    _map(
        "s_measure",
        "S-measure",
        "likeness of object and background, and of four regions, to the truth",
        attrgetter("s_measure"),
        both_empty=1,
        truth_empty="1 - p",
        prediction_empty="(1 - t) / 2",
        paper="Fan et al. 2017",
    ),
    _map(
        "e_mean",
        "mean E-measure",
        "agreement of each pixel, relative to the means; mean over thresholds",
        attrgetter("e_mean"),
        both_empty="255 / 256 * N / (N - 1)",
        truth_empty="255 / 256 * (1 - p) * N / (N - 1)",
        prediction_empty="N / (N - 1) / 4",
        paper="Fan et al. 2018",
    ),
    _map(
        "e_max",
        "max E-measure",
        "the same at the best threshold",
        attrgetter("e_max"),
        both_empty="N / (N - 1)",
        truth_empty="(1 - q) * N / (N - 1)",
        prediction_empty="N / (N - 1) / 4",
        paper="Fan et al. 2018",
    ),
    _map(
        "weighted_f",
        "weighted F-measure",
        "F1 of errors that weigh less beside hits, and more far from the truth",
        attrgetter("weighted_f"),
        both_empty=0,
        truth_empty=0,
        prediction_empty=0,
        paper="Margolin et al. 2014",
    ),
    _map(
        "mae",
        "MAE",
        "mean absolute difference of the stretched map and the truth",
        attrgetter("mae"),
        both_empty=0,
        truth_empty="p",
        prediction_empty="t",
        better="lower",
        paper="Perazzi et al. 2012",
    ),
    _map(
        "dice_over_thresholds",
        "Dice over thresholds",
        "mean of the Dice at 256 thresholds, PraNet's mDice",
        attrgetter("dice_over_thresholds"),
        both_empty=0,
        truth_empty=0,
        prediction_empty="2 * t / (1 + t) / 256",
        paper=_PRANET,
    ),
    _map(
        "iou_over_thresholds",
        "IoU over thresholds",
        "mean of the IoU at 256 thresholds, PraNet's mIoU",
        attrgetter("iou_over_thresholds"),
        both_empty=0,
        truth_empty=0,
        prediction_empty="t / 256",
        paper=_PRANET,
    ),
    _objects(
        "ap50",
        "AP at 0.5",
        "TP / (TP + FP + FN) of objects, pairs with IoU >= 0.5",
        _at(0.5, matching.instance_ap),
        paper=_STARDIST,
    ),
    _objects(
        "ap75",
        "AP at 0.75",
        "the same, pairs with IoU >= 0.75",
        _at(0.75, matching.instance_ap),
        paper=_STARDIST,
    ),
    _objects(
        "ap",
        "AP over 0.5 to 0.95",
        "mean of TP / (TP + FP + FN) over pairs with IoU >= 0.5, 0.55, ..., 0.95",
        lambda matches: float(matching.instance_ap(matches).mean()),
        paper=_STARDIST,
    ),
    _objects(
        "ap_kaggle",
        "Kaggle's AP",
        "mean of TP / (TP + FP + FN) over pairs with IoU > 0.5, 0.55, ..., 0.95",
        lambda matches: float(matching.strict_ap(matches).mean()),
        paper="Caicedo et al. 2019 (Data Science Bowl 2018)",
    ),
    _objects(
        "f1_50",
        "F1 at 0.5",
        "2 TP / (2 TP + FP + FN) of objects, pairs with IoU >= 0.5",
        _at(0.5, matching.instance_f1),
        paper="Caicedo et al. 2019 (Cytometry A)",
    ),
    _objects(
        "pq",
        "PQ",
        "panoptic quality, SQ times RQ",
        _at(0.5, lambda matches: matching.panoptic_scores(matches).pq),
        paper=_PQ,
    ),
    _objects(
        "sq",
        "SQ",
        "mean IoU of the pairs with IoU > 0.5",
        _at(0.5, lambda matches: matching.panoptic_scores(matches).sq),
        paper=_PQ,
    ),
    _objects(
        "rq",
        "RQ",
        "F1 of objects, pairs with IoU > 0.5",
        _at(0.5, lambda matches: matching.panoptic_scores(matches).rq),
        paper=_PQ,
    ),
    _objects(
        "aji",
        "AJI",
        "shared pixels of all objects and their best matches, over their unions and what is left over",
        matching.aggregated_jaccard,
        paper="Kumar et al. 2017",
    ),
)

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}
"""All measures by their names."""
