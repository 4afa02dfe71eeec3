"""What holds for every operation: shapes, types, ranges, labels of zeros and ones, nothing at zero strength."""

from __future__ import annotations

import pytest
import torch
from data.augment.cases import IN_3D, STILL, alone, applied, blobs
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.data.augment import OPERATIONS
from monaiseg.data.augment.operation import AFFINE_INTENSITY, PIXEL

SHAPES = {2: (3, 3, 24, 32), 3: (2, 1, 12, 10, 9)}
MOVES_NOTHING = [name for name, each in OPERATIONS.items() if each.kind in (AFFINE_INTENSITY, PIXEL)]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bool])
@pytest.mark.parametrize(("name", "dims"), [(name, 2) for name in OPERATIONS] + [(name, 3) for name in IN_3D])
def test_pictures_stay_pictures_and_labels_labels(name: str, dims: int, dtype: torch.dtype) -> None:
    image, label = blobs(*SHAPES[dims])
    parameters = {"size": [9, 8, 7][:dims]} if name == "crop" else {}
    result, moved = applied(alone(name, **parameters), image, label.to(dtype))
    assert result.shape[2:] == moved.shape[2:] == torch.Size(parameters.get("size", image.shape[2:]))
    assert result.shape[:2] == image.shape[:2] and moved.shape[:2] == label.shape[:2]
    assert result.dtype == torch.float32 and moved.dtype == dtype
    assert result.min() >= -1e-6 and result.max() <= 1 + 1e-6
    assert set(moved.unique().tolist()) <= {0, 1}


@pytest.mark.parametrize(
    ("name", "dims"), [(name, 2) for name in STILL] + [(name, 3) for name in STILL if name in IN_3D]
)
def test_at_zero_strength_nothing_changes(name: str, dims: int) -> None:
    image, label = blobs(*SHAPES[dims])
    result, moved = applied(alone(name, **STILL[name]), image, label)
    assert torch.allclose(result, image, atol=2e-5) and torch.equal(moved, label)


@pytest.mark.parametrize(("name", "dims"), [(name, 2) for name in OPERATIONS] + [(name, 3) for name in IN_3D])
def test_at_its_default_strength_much_changes(name: str, dims: int) -> None:
    image, label = blobs(*SHAPES[dims])
    if name == "crop":
        return
    keys = [(0, 0, case) for case in range(8)]
    several, labels = image[:1].repeat(8, *[1] * (dims + 1)), label[:1].repeat(8, *[1] * (dims + 1))
    parameters = {"magnitude": 0.05} if name == "elastic" else {}
    result, moved = applied(alone(name, **parameters), several, labels, keys)
    changes = (result - several).abs().flatten(1).mean(1)
    assert changes.max() > 2e-3
    assert torch.equal(moved, labels) == (name in MOVES_NOTHING)


@pytest.mark.parametrize("name", MOVES_NOTHING)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 9), (9, 1)])
def test_the_smallest_pictures_survive(name: str, size: tuple[int, int]) -> None:
    image, label = torch.rand(2, 3, *size), torch.ones(2, 1, *size)
    result, moved = applied(alone(name), image, label)
    assert result.shape == image.shape and result.isfinite().all() and torch.equal(moved, label)


@given(name=st.sampled_from(MOVES_NOTHING), value=st.floats(0, 1, width=32))
def test_an_even_picture_stays_finite(name: str, value: float) -> None:
    image = torch.full((1, 3, 16, 16), value)
    result, _ = applied(alone(name), image, torch.zeros(1, 1, 16, 16))
    assert result.isfinite().all() and result.min() >= 0 and result.max() <= 1 + 1e-6


@given(
    name=st.sampled_from([name for name in IN_3D if name != "crop"]),
    factor=st.floats(0.01, 1e4),
    offset=st.floats(-1e4, 1e4),
    index=st.integers(0, 50),
)
def test_volumes_of_any_scale_are_augmented_alike(name: str, factor: float, offset: float, index: int) -> None:
    fill = {"fill": 1} if name == "coarse_dropout" else {}
    image, label = blobs(1, 2, 8, 9, 7)
    image, keys = image.double(), [(0, 0, index)]
    plain, _ = applied(alone(name, **fill), image, label, keys, bounded=False)
    scaled, _ = applied(alone(name, **fill), image * factor + offset, label, keys, bounded=False)
    assert scaled.dtype == torch.float64
    assert torch.allclose(scaled, plain * factor + offset, rtol=1e-4, atol=1e-4 * factor)


def test_the_case_without_a_label_is_augmented() -> None:
    image, label = blobs(2, 3, 24, 24)
    for name in OPERATIONS:
        keys = [(1, 2, 3), (1, 2, 4)]
        from monaiseg.data.augment import Levels

        result, none = alone(name)(image.clone(), None, keys, Levels.of(image, bounded=True))
        assert none is None and torch.equal(result, applied(alone(name), image, label, keys)[0])
