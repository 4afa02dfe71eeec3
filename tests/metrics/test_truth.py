"""What follows from a truth alone: its box, its surface, its quarters and its nearest pixels, by other means."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_erosion, find_objects

from monaiseg.metrics.truth import Truth, box_of, surface_points

Bools = npt.NDArray[np.bool_]
SHAPES = [(5, 6), (1, 7), (4, 3, 4)]
MASKS = st.sampled_from(SHAPES).flatmap(lambda shape: arrays(np.bool_, shape))
FLAT = arrays(np.bool_, (7, 5)).filter(np.any)


@given(MASKS)
def test_the_box_and_the_surface(mask: Bools) -> None:
    box, points = box_of(mask), surface_points(mask, box_of(mask))
    assert points.shape[1] == mask.ndim and len(points) == len(Truth(mask).surface)
    if not mask.any():
        assert len(points) == 0 and not mask[box].size
        return
    assert [box] == find_objects(mask.astype(int))
    assert points.tolist() == np.argwhere(mask & ~binary_erosion(mask)).tolist()


@given(FLAT)
def test_the_quarters_share_out_the_pixels(mask: Bools) -> None:
    truth = Truth(mask)
    assert sum(part.pixels for part in truth.quarters) == mask.size
    assert sum(part.true for part in truth.quarters) == truth.size == mask.sum()
    for part in truth.quarters:
        assert (mask[part.where].size, mask[part.where].sum()) == (part.pixels, part.true)
    row, column = (part.stop for part in truth.quarters[0].where)
    centre = np.argwhere(mask).mean(0)
    assert abs(row - 1 - centre[0]) <= 0.5 + 1e-12 and abs(column - 1 - centre[1]) <= 0.5 + 1e-12


@given(FLAT)
def test_the_nearest_true_pixel_and_the_importance(mask: Bools) -> None:
    truth, true = Truth(mask), [tuple(at) for at in np.argwhere(mask).tolist()]
    for at in np.ndindex(mask.shape):
        nearest = divmod(int(truth.nearest[at]), mask.shape[1])
        far = min(math.dist(at, other) for other in true)
        assert mask[nearest] and math.dist(at, nearest) == far
        assert truth.importance[at] == pytest.approx(2 - 0.5 ** (far / 5), abs=1e-14)


def test_what_is_known_is_not_found_again() -> None:
    truth = Truth(np.eye(4, dtype=bool))
    assert Truth.of(truth) is truth and truth.surface is truth.surface
    assert Truth.of(truth.mask).mask is truth.mask
