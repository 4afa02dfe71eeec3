"""PraNet's measures: against recorded values, the tool itself where it is installed, and the formulas by loops."""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from saliency_maps import COUNT, grey_pair
from scipy.ndimage import gaussian_filter

from monaiseg.errors import ConfigError
from monaiseg.metrics.saliency import saliency_scores
from monaiseg.metrics.truth import Truth

RECORDED = Path(__file__).parent / "recorded"
AGREED = 1e-6

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def compare(names: list[str], row: list[float], probabilities: npt.NDArray[Any], truth: Bools) -> None:
    scores = saliency_scores(probabilities, truth)
    assert {name: getattr(scores, name) for name in names} == pytest.approx(dict(zip(names, row)), abs=AGREED)


def test_recorded_values() -> None:
    recorded = json.loads((RECORDED / "saliency.json").read_text())
    assert len(recorded["rows"]) == COUNT >= 200
    for seed, row in enumerate(recorded["rows"]):
        grey, truth = grey_pair(seed)
        compare(recorded["names"], row, grey / 255, truth)


@pytest.fixture(scope="module")
def recorder() -> ModuleType:
    """The script that recorded them, which calls the tool."""
    pytest.importorskip("py_sod_metrics", reason="pysodmetrics pins its dependencies, so that the tests cannot ask it")
    spec = importlib.util.spec_from_file_location("record_saliency", RECORDED / "record_saliency.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_maps_that_are_not_of_8_bits(recorder: ModuleType) -> None:
    rng = np.random.default_rng(0)
    for seed in range(COUNT):
        grey, truth = grey_pair(seed)
        probabilities = np.clip(grey / 255 + rng.normal(0, 0.05, grey.shape), 0, 1)
        compare(recorder.NAMES, recorder.reckoned(probabilities * 255, truth), probabilities, truth)


def polyps(folder: Path, count: int) -> Iterator[tuple[Floats, Bools]]:
    """Real masks, and what a network might say of them: moved, blurred, noisy."""
    rng = np.random.default_rng(0)
    for file in sorted((folder / "masks").glob("*.jpg"))[:count]:
        truth = np.asarray(Image.open(file).convert("L")) > 127
        moved = np.roll(truth, rng.integers(-20, 21, 2), (0, 1))
        yield np.clip(gaussian_filter(moved * rng.uniform(0.3, 1.1) + 0.2 * rng.random(truth.shape), 4), 0, 1), truth


def test_real_polyps(recorder: ModuleType, real_data: Callable[[str], Path]) -> None:
    pairs = list(polyps(real_data("kvasir-seg/validation"), 20))
    assert len(pairs) == 20
    for probabilities, truth in pairs:
        compare(recorder.NAMES, recorder.reckoned(probabilities * 255, truth), probabilities, truth)


def structure(p: Floats, truth: Bools) -> float:
    """Fan et al. 2017, equations 1 to 8, pixel by pixel."""
    inside = [p[at] for at in np.ndindex(p.shape) if truth[at]]
    outside = [1 - p[at] for at in np.ndindex(p.shape) if not truth[at]]
    share = len(inside) / p.size

    def of(values: list[float]) -> float:
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
        return 2 * mean / (mean**2 + 1 + spread)

    where = [at for at in np.ndindex(p.shape) if truth[at]]
    centre = [round(sum(at[axis] for at in where) / len(where)) + 1 for axis in (0, 1)]
    regions = 0.0
    for low, left in itertools.product((False, True), repeat=2):
        part = [at for at in np.ndindex(p.shape) if (at[0] < centre[0]) == low and (at[1] < centre[1]) == left]
        x = sum(p[at] for at in part) / len(part)
        y = sum(bool(truth[at]) for at in part) / len(part)
        xx, yy = (sum((m[at] - n) ** 2 for at in part) / (len(part) - 1) for m, n in ((p, x), (truth, y)))
        xy = sum((p[at] - x) * (truth[at] - y) for at in part) / (len(part) - 1)
        regions += len(part) / p.size * (4 * x * y * xy / ((x * x + y * y) * (xx + yy)) if y not in (0, 1) else 0)
    return 0.5 * (share * of(inside) + (1 - share) * of(outside)) + 0.5 * regions


def alignment(p: Floats, truth: Bools, threshold: int) -> float:
    """Fan et al. 2018, equations 1 to 4, pixel by pixel."""
    mask = np.floor(p * 255) >= threshold
    total = 0.0
    for at in np.ndindex(p.shape):
        a, b = mask[at] - mask.mean(), truth[at] - truth.mean()
        total += (2 * a * b / (a * a + b * b) + 1) ** 2 / 4
    return total / (p.size - 1)


def weighted(p: Floats, truth: Bools) -> float:
    """Margolin et al. 2014, section 4, pixel by pixel."""
    where = [at for at in np.ndindex(p.shape) if truth[at]]
    nearest = {at: min(where, key=lambda other: math.dist(at, other)) for at in np.ndindex(p.shape)}
    error = {at: abs(p[at] - truth[at]) for at in nearest}
    reach = range(-3, 4)
    total = sum(math.exp(-(i * i + j * j) / 50) for i in reach for j in reach)
    inside, outside = 0.0, 0.0
    for at, other in nearest.items():
        if not truth[at]:
            outside += error[at] * (2 - math.exp(math.log(0.5) / 5 * math.dist(at, other)))
            continue
        window = [((at[0] + i, at[1] + j), math.exp(-(i * i + j * j) / 50)) for i in reach for j in reach]
        smoothed = sum(error[nearest[there]] * weight for there, weight in window if there in nearest) / total
        inside += min(error[at], smoothed)
    recall = 1 - inside / len(where)
    precision = (len(where) - inside) / (len(where) - inside + outside)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("seed", range(4))
def test_the_definitions_by_loops(seed: int) -> None:
    """The truth is a rectangle, so that the nearest true pixel is but one."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((12, 15), bool)
    truth[2 : 5 + seed, 4 : 9 + seed] = True
    p = np.clip(0.6 * truth + rng.random(truth.shape) / 2, 0, 1)
    p.flat[0], p.flat[-1] = 0, 1
    scores = saliency_scores(p, truth)
    assert scores.s_measure == pytest.approx(structure(p, truth), abs=1e-12)
    assert scores.weighted_f == pytest.approx(weighted(p, truth), abs=1e-12)
    assert scores.mae == pytest.approx(sum(abs(p[at] - truth[at]) for at in np.ndindex(p.shape)) / p.size, abs=1e-12)
    for threshold in (0, 1, 60, 128, 200, 255):
        mask = np.floor(p * 255) >= threshold
        assert scores.dice_curve[threshold] == 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
        assert scores.iou_curve[threshold] == (mask & truth).sum() / (mask | truth).sum()
        if threshold:
            assert scores.e_curve[threshold] == pytest.approx(alignment(p, truth, threshold), abs=1e-12)


MASK_PAIRS = st.sampled_from([(6, 5), (1, 8), (9, 9)]).flatmap(
    lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape))
)


@given(MASK_PAIRS)
def test_a_mask_is_a_map_of_zeros_and_ones(pair: tuple[Bools, Bools]) -> None:
    """Also where one is empty or full, and where a quarter of the picture has pixels of one kind."""
    mask, truth = pair
    counted, reckoned = saliency_scores(mask, truth), saliency_scores(mask.astype(np.float32), truth)
    for name, value in asdict(reckoned).items():
        assert getattr(counted, name) == pytest.approx(value, abs=1e-12), name


def test_real_masks_are_maps_of_zeros_and_ones(real_data: Callable[[str], Path]) -> None:
    for probabilities, truth in polyps(real_data("kvasir-seg/validation"), 5):
        mask = probabilities > 0.5
        counted, reckoned = (asdict(saliency_scores(values, Truth(truth))) for values in (mask, mask.astype(float)))
        assert all(counted[name] == pytest.approx(value, abs=1e-12) for name, value in reckoned.items())


def test_an_empty_map_scores_by_the_edge_of_the_picture() -> None:
    """The weighted F-measure smooths errors with zeros beyond the picture, so that the truth there counts as found."""
    inner, outer = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    inner[6:12, 6:12], outer[:6, :6] = True, True
    nothing = np.zeros((20, 20))
    assert saliency_scores(nothing, inner).weighted_f == pytest.approx(0, abs=1e-12)
    assert saliency_scores(nothing, outer).weighted_f > 0.1
    assert saliency_scores(nothing, inner).e_mean == pytest.approx(0.25 * 400 / 399)


def test_a_map_is_stretched_and_a_constant_one_is_not() -> None:
    truth = np.zeros((6, 8), bool)
    truth[2:4, 3:6] = True
    perfect, faint = saliency_scores(truth.astype(np.float32), truth), saliency_scores(0.25 + truth / 128, truth)
    assert faint.mae == perfect.mae == 0 and faint.s_measure == perfect.s_measure == pytest.approx(1, abs=1e-12)
    assert faint.dice_over_thresholds == perfect.dice_over_thresholds == (255 + 12 / 54) / 256
    assert perfect.e_max == pytest.approx(48 / 47)
    assert saliency_scores(np.full((6, 8), 0.25), truth).mae == pytest.approx((6 * 0.75 + 42 * 0.25) / 48)


@pytest.mark.parametrize("full", [False, True])
def test_an_empty_and_a_full_truth(full: bool) -> None:
    truth, p = np.full((5, 4), full), np.full((5, 4), float(full))
    right, wrong = saliency_scores(p, truth), saliency_scores(1 - p, truth)
    assert (right.s_measure, right.mae, wrong.s_measure, wrong.mae) == (1, 0, 0, 1)
    assert right.weighted_f == pytest.approx(float(full)) and (full or wrong.weighted_f == 0)
    assert right.dice_over_thresholds == right.iou_over_thresholds == float(full)
    assert wrong.dice_over_thresholds == wrong.iou_over_thresholds == float(full) / 256, "at 0 all pixels are chosen"
    assert right.e_mean == pytest.approx(20 / 19 * (1 if full else 255 / 256))


@pytest.mark.parametrize("at", [(0, 0), (5, 7), (2, 3), (5, 0)])
def test_a_truth_of_one_pixel_has_a_score(at: tuple[int, int]) -> None:
    """pysodmetrics gives NaN: a deviation of one value, and parts without pixels."""
    truth = np.zeros((6, 8), bool)
    truth[at] = True
    scores = saliency_scores(truth.astype(float), truth)
    assert scores.s_measure == pytest.approx(1) and scores.weighted_f == pytest.approx(1)


@pytest.mark.parametrize(
    ("p", "truth", "message"),
    [
        (np.zeros((3, 4)), np.zeros((4, 3), bool), r"probabilities are \(3, 4\) and truth \(4, 3\); both must be"),
        (np.zeros((3, 4, 2)), np.zeros((3, 4, 2), bool), "both must be"),
        (np.zeros((3, 4)), np.zeros((3, 4), np.uint8), "truth is uint8; it must be boolean"),
        (np.full((3, 4), 1.5), np.zeros((3, 4), bool), "must lie between 0 and 1, not be logits"),
        (np.full((3, 4), np.nan), np.zeros((3, 4), bool), "must lie between 0 and 1, not be logits"),
    ],
)
def test_what_is_no_map_is_refused(p: Floats, truth: Bools, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        saliency_scores(p, truth)


def test_the_map_is_left_as_it_was() -> None:
    grey, truth = grey_pair(3)
    p = grey / 255
    before = p.copy()
    saliency_scores(p, truth)
    assert (p == before).all()
