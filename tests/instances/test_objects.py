"""What is told of each object, in pictures and in volumes."""

from __future__ import annotations

import numpy as np
from touching import balls

from monaiseg.instances.objects import object_columns, object_rows


def rows(ids: np.ndarray, probability: np.ndarray, *spacing: float) -> list[dict[str, float]]:
    found = object_rows(ids, probability, spacing) if spacing else object_rows(ids, probability)
    return [dict(zip(object_columns(ids.ndim), map(float, row), strict=True)) for row in found]


def test_the_objects_of_a_picture() -> None:
    ids = np.zeros((9, 12), np.int32)
    ids[2:5, 3:9], ids[7, 11] = 1, 2
    probability = np.where(ids == 1, 0.75, 0.6)
    first, second = rows(ids, probability)
    box = {"start_0": 2, "start_1": 3, "stop_0": 5, "stop_1": 9}
    assert (
        first.items() >= {"id": 1, "area": 18, "centroid_0": 3, "centroid_1": 5.5, "probability": 0.75, **box}.items()
    )
    assert first["solidity"] == 1 and 0.8 < first["eccentricity"] < 0.9
    assert (second["id"], second["area"], second["centroid_1"]) == (2, 1, 11)
    assert rows(0 * ids, probability) == []


def test_the_objects_of_a_volume_have_millimetres_and_no_shape() -> None:
    ids = balls((9, 9, 9), ((4, 4, 4), 3.5))
    (ball,) = rows(ids, np.full(ids.shape, 0.9), 1.0, 0.5, 2.5)
    assert ball["voxels"] == (ids > 0).sum() and ball["mm3"] == 1.25 * ball["voxels"]
    assert [ball[f"centroid_{axis}"] for axis in range(3)] == [4, 4, 4]
    assert [ball[f"stop_{axis}"] - ball[f"start_{axis}"] for axis in range(3)] == [7, 7, 7]
    assert "solidity" not in ball


def test_small_and_large_sizes_and_far_places_are_told_exactly() -> None:
    """Six voxels, of a hundredth of a millimetre and of a large volume, far along an axis."""
    ids = np.zeros((1, 3, 12344), np.int32)
    ids[0, :, -2:] = 1
    (small,) = rows(ids, np.ones(ids.shape), 0.01, 0.01, 0.01)
    assert small["mm3"] == 6e-6 and small["centroid_2"] == 12342.5
    (large,) = rows(ids, np.ones(ids.shape), 1.0, 1.0, 234567.125)
    assert large["mm3"] == 6 * 234567.125
