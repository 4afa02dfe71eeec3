"""HD95 and NSD: against MONAI's, against all pairs of points, and where MONAI gives no number."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from PIL import Image
from scipy.ndimage import gaussian_filter

from monaiseg.errors import ConfigError
from monaiseg.metrics.surface import surface_scores
from monaiseg.metrics.truth import Truth

Bools = npt.NDArray[np.bool_]
SINGLE = 1e-5
"""MONAI's distances and the ranks of its percentiles are of single precision."""

pytestmark = pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")


def erring(truth: Bools, rng: np.random.Generator) -> Bools:
    """A truth moved and made uneven."""
    moved = np.roll(truth, rng.integers(-3, 4, truth.ndim), tuple(range(truth.ndim)))
    return np.asarray(gaussian_filter(moved + rng.uniform(0.1, 0.8) * rng.standard_normal(truth.shape), 1) > 0.5)


def compare(prediction: Bools, truth: Bools, tolerance: float, spacing: tuple[float, ...]) -> None:
    found = surface_scores(prediction, truth, tolerance, spacing)
    p, t = (torch.from_numpy(mask)[None, None] for mask in (prediction, truth))
    hd95 = compute_hausdorff_distance(p, t, include_background=True, percentile=95, spacing=spacing)
    nsd = compute_surface_dice(p, t, [tolerance], include_background=True, spacing=spacing)
    assert found.hd95 == pytest.approx(hd95.item(), rel=SINGLE)
    assert found.nsd == pytest.approx(nsd.item(), abs=1e-7)
    alone = surface_scores(prediction, Truth(truth), tolerance, spacing, with_hd95=False)
    assert alone.nsd == found.nsd and math.isnan(alone.hd95)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((30, 26), (1.0, 1.0)), ((30, 26), (0.7, 3.0)), ((14, 12, 10), (1.0, 1.0, 1.0)), ((14, 12, 10), (0.8, 0.8, 2.5))],
)
def test_random_masks(shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    """60 pairs a case: smooth ones, that touch the border as well, and pure noise."""
    rng = np.random.default_rng(len(shape))
    for number in range(60):
        truth = gaussian_filter(rng.standard_normal(shape), 3) > 0 if number % 6 else rng.random(shape) > 0.7
        compare(erring(truth, rng), truth, (0.0, 1.0, 2.5)[number % 3], spacing)


def test_real_hippocampi(real_data: Callable[[str], Path]) -> None:
    rng = np.random.default_rng(0)
    files = sorted((real_data("msd-hippocampus") / "labelsTr").glob("*.nii.gz"))[:20]
    assert len(files) == 20
    for number, file in enumerate(files):
        labels = np.asarray(nibabel.load(file).dataobj).round()
        spacing = ((1.0, 1.0, 1.0), (0.9, 1.1, 3.0))[number % 2]
        compare(erring(labels == 1 + number % 2, rng), labels == 1 + number % 2, 2.0, spacing)


def test_real_polyps(real_data: Callable[[str], Path]) -> None:
    rng = np.random.default_rng(0)
    files = sorted((real_data("kvasir-seg/validation") / "masks").glob("*.jpg"))[:20]
    assert len(files) == 20
    for file in files:
        truth = np.asarray(Image.open(file).convert("L")) > 127
        compare(erring(truth, rng), truth, 2.0, (1.0, 1.0))


def surface(mask: Bools) -> list[tuple[int, ...]]:
    """The pixels of a mask with a neighbour outside it."""

    def neighbours(at: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        for axis, step in itertools.product(range(mask.ndim), (-1, 1)):
            yield (*at[:axis], at[axis] + step, *at[axis + 1 :])

    inside = {tuple(map(int, at)) for at in np.argwhere(mask)}
    return [at for at in inside if not inside.issuperset(neighbours(at))]


SHAPES = [(5, 6), (1, 7), (4, 3, 4)]
SOME = st.sampled_from(SHAPES).flatmap(lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape)))


@given(SOME, st.sampled_from([0.3, 0.5, 1.0, 2.0]), st.sampled_from([0.0, 1.0, 2.0, 4.0]))
def test_all_pairs_of_points(pair: tuple[Bools, Bools], last: float, tolerance: float) -> None:
    prediction, truth = pair
    spacing = (*[1.0] * (truth.ndim - 1), last)
    found = surface_scores(prediction, truth, tolerance, spacing)
    assert surface_scores(truth, prediction, tolerance, spacing) == found
    if not (prediction.any() and truth.any()):
        return
    points = [[tuple(x * s for x, s in zip(at, spacing)) for at in surface(mask)] for mask in pair]
    far = [sorted(min(math.dist(a, b) for b in other) for a in one) for one, other in (points, points[::-1])]
    assert found.hd95 == pytest.approx(max(float(np.percentile(distances, 95)) for distances in far), abs=1e-12)
    assert found.nsd == sum(d <= tolerance for d in itertools.chain(*far)) / sum(map(len, far))
    assert surface_scores(prediction, truth, tolerance, spacing, with_hd95=False).nsd == found.nsd


@pytest.mark.parametrize(("shape", "spacing"), [((30, 40), None), ((6, 8, 10), (1.0, 1.5, 2.4))])
def test_a_missed_object_counts(shape: tuple[int, ...], spacing: tuple[float, ...] | None) -> None:
    """MONAI gives NaN, and its mean leaves the case out: https://github.com/Project-MONAI/MONAI/issues/9095."""
    some, none = np.zeros(shape, bool), np.zeros(shape, bool)
    some[2:4, 3:5] = True
    diagonal = 50.0 if spacing is None else math.hypot(6, 12, 24)
    assert surface_scores(none, none, 1.0, spacing) == (0.0, 1.0)
    for pair in ((some, none), (none, some)):
        assert surface_scores(*pair, 1.0, spacing) == (pytest.approx(diagonal, abs=1e-12), 0.0)
    assert surface_scores(some, some, 0.0, spacing) == (0.0, 1.0)
    corners = np.zeros(shape, bool), np.zeros(shape, bool)
    corners[0].flat[0] = corners[1].flat[-1] = True
    assert surface_scores(*corners, 1.0, spacing).hd95 < diagonal, "no object that was found counts as much"


def test_a_tolerance_that_is_met_exactly() -> None:
    """Twelve steps of 0.1 less two of them are a little more than 1 in double precision."""
    one, other = np.zeros((1, 20), bool), np.zeros((1, 20), bool)
    one[0, [0, 2]], other[0, [0, 12]] = True, True
    assert 12 * 0.1 - 2 * 0.1 > 1
    for with_hd95 in (True, False):
        assert surface_scores(one, other, 1.0, (0.1, 0.1), with_hd95=with_hd95).nsd == 1
        assert surface_scores(one, other, 0.999, (0.1, 0.1), with_hd95=with_hd95).nsd == 3 / 4


@pytest.mark.parametrize("with_hd95", [True, False])
def test_a_tolerance_of_three_voxels_whose_size_is_a_headers(with_hd95: bool) -> None:
    """Three times 0.3 as float32 holds it is a little more than 0.9."""
    truth = np.zeros((8, 20, 20), bool)
    truth[2:6, 4:9, 4:9] = True
    spacing = (1.0, *[float(np.float32(0.3))] * 2)
    assert spacing[1] * 3 > 0.9
    assert surface_scores(np.roll(truth, 3, 2), truth, 0.9, spacing, with_hd95=with_hd95).nsd == 1
    assert surface_scores(np.roll(truth, 3, 2), truth, 0.899, spacing, with_hd95=with_hd95).nsd < 1


MASK = np.ones((3, 4), bool)


@pytest.mark.parametrize(
    ("prediction", "tolerance", "spacing", "message"),
    [
        (MASK.T, 1.0, None, r"prediction is \(4, 3\) and truth \(3, 4\); they must be equal"),
        (MASK * 1, 1.0, None, "both must be boolean"),
        (MASK, -1.0, None, "the tolerance is -1.0; it must be at least 0"),
        (MASK, math.nan, None, "the tolerance is nan"),
        (MASK, 1.0, (1.0,), r"the spacing is \(1.0,\); it must be 2 numbers above 0"),
        (MASK, 1.0, (1.0, 0.0), "it must be 2 numbers above 0"),
        (MASK, 1.0, (1.0, math.nan), "it must be 2 numbers above 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    prediction: Bools, tolerance: float, spacing: tuple[float, ...] | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        surface_scores(prediction, MASK, tolerance, spacing)


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
def test_the_length_of_surfaces_counts_elsewhere() -> None:
    """DeepMind's surface-distance puts points between pixels and weighs them by length: the same to about a pixel."""
    tool = pytest.importorskip("surface_distance", reason="surface-distance is compared with where it is installed")
    rng = np.random.default_rng(0)
    down, across = np.indices((80, 90))
    truth = np.hypot(down - 40, across - 45) < 22
    for _ in range(10):
        prediction = np.roll(truth, rng.integers(-6, 7, 2), (0, 1))
        distances = tool.compute_surface_distances(truth, prediction, (1, 1))
        found = surface_scores(prediction, truth, 1.0)
        assert found.hd95 == pytest.approx(tool.compute_robust_hausdorff(distances, 95), abs=1)
