"""The steps from a case to tensors: reading, resizing, normalising."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monaiseg.data import Case, NormaliseCase, ReadCase, ResizeCase, list_cases
from monaiseg.errors import DataError

Write = Callable[..., Path]


def with_statistics(image: torch.Tensor) -> dict[str, Any]:
    """An item as ReadCase makes it."""
    axes = tuple(range(1, image.ndim))
    values = image.double()
    return {"image": image, "mean": values.mean(axes).float(), "std": values.std(axes, correction=0).float()}


@pytest.fixture
def case(tmp_path: Path, write_pairs: Write) -> Case:
    return list_cases(write_pairs(tmp_path, 1))[1][0]


def test_a_case_is_read_with_its_statistics(case: Case) -> None:
    item = ReadCase(2, 3, 1)(case)
    assert item["image"].dtype == item["label"].dtype == torch.uint8
    assert item["image"].shape == (3, 64, 48) and item["label"].shape == (1, 64, 48)
    assert item["size"].tolist() == [64, 48] and item["id"] == "case_00"
    expected = with_statistics(item["image"])
    assert torch.allclose(item["mean"], expected["mean"]) and torch.allclose(item["std"], expected["std"])


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_the_number_of_classes_must_be_out_channels(case: Case, classes: int) -> None:
    case["label"] = case["label"] * classes
    assert len(ReadCase(2, 3, classes)(case)["label"]) == classes
    with pytest.raises(DataError) as raised:
        ReadCase(2, 3, 4)(case)
    assert str(raised.value) == f"{case['image']}: has masks of {classes} classes; set --out_channels {classes}"


def test_sizes_are_checked(case: Case, tmp_path: Path, write_pairs: Write) -> None:
    case["label"] = list_cases(write_pairs(tmp_path / "other", 1, (48, 64)))[1][0]["label"]
    with pytest.raises(DataError, match=r"mask is 48x64, its image case_00\.png is 64x48; make them equal"):
        ReadCase(2, 3, 1)(case)


def test_volumes_are_read(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(50, 9, (7, 6, 5)).astype(np.float32)
    for name, array in (("image", values), ("label", (values > 50).astype(np.uint8))):
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii.gz")
    paths = [str(tmp_path / f"{name}.nii.gz") for name in ("image", "label")]
    item = ReadCase(3, 1, 1)(Case(image=paths[0], label=[paths[1]], id="a", group=None))
    assert np.array_equal(item["image"][0], values) and np.array_equal(item["label"][0], values > 50)
    assert item["size"].tolist() == [7, 6, 5]


@given(arrays(np.uint8, st.sampled_from([(1, 9, 5), (3, 6, 7), (2, 4, 3, 5)])))
def test_normalised_channels_have_mean_0_and_deviation_1_or_are_0(pixels: np.ndarray) -> None:
    image = NormaliseCase()(with_statistics(torch.from_numpy(pixels)))["image"]
    assert image.dtype == torch.float32 and image.shape == pixels.shape
    for channel, before in zip(image, pixels, strict=True):
        assert channel.mean().abs() < 1e-3
        assert abs(channel.std(correction=0) - 1) < 1e-3 if before.std() else not channel.any()


def test_a_crop_is_normalised_by_its_whole_case() -> None:
    whole = torch.arange(200, dtype=torch.uint8).reshape(1, 10, 20)
    item = with_statistics(whole)
    normalised = NormaliseCase()(dict(item))["image"]
    crop = NormaliseCase()(item | {"image": whole[:, 2:5, 3:9]})
    assert torch.equal(crop["image"], normalised[:, 2:5, 3:9])
    assert crop.keys() == {"image"}, "mean and std are used up"


@pytest.mark.parametrize("value", [0.0, 0.1, 1000.3, 1.7e6])
def test_a_constant_volume_becomes_0(value: float) -> None:
    image = NormaliseCase()(with_statistics(torch.full((1, 7, 5, 6), value)))["image"]
    assert image.abs().max() < 1e-3


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_resized_image_keeps_its_type_and_its_label_its_values(case: Case, dtype: torch.dtype) -> None:
    item = ReadCase(2, 3, 1)(case)
    item["image"] = item["image"].to(dtype)
    resized = ResizeCase((30, 40), label=True)(item)
    assert resized["image"].shape == (3, 30, 40) and resized["label"].shape == (1, 30, 40)
    assert resized["image"].dtype == dtype and resized["label"].dtype == torch.uint8
    assert set(resized["label"].unique().tolist()) == {0, 1}
    assert torch.equal(resized["size"], item["size"]) and torch.equal(resized["mean"], item["mean"])
    assert item["image"].shape == (3, 64, 48), "what was given is as it was"


def test_bytes_are_rounded_not_cut(case: Case) -> None:
    item = ReadCase(2, 3, 1)(case)
    exact = ResizeCase((30, 40), label=False)(item | {"image": item["image"].float()})["image"]
    rounded = ResizeCase((30, 40), label=False)(item)["image"]
    assert (rounded - exact).abs().max() <= 0.5


def test_a_picture_that_shrinks_gets_no_dark_frame() -> None:
    item = ResizeCase((20, 31), label=False)({"image": torch.full((3, 90, 80), 200, dtype=torch.uint8)})
    assert (item["image"] == 200).all()


def test_what_has_the_size_is_not_touched(case: Case) -> None:
    item = ReadCase(2, 3, 1)(case)
    assert ResizeCase((64, 48), label=True)(item) is item


def test_evaluation_leaves_labels_at_their_size(case: Case) -> None:
    resized = ResizeCase((30, 40), label=False)(ReadCase(2, 3, 1)(case))
    assert resized["image"].shape == (3, 30, 40) and resized["label"].shape == (1, 64, 48)


def test_volumes_are_resized() -> None:
    item = {"image": torch.rand(2, 6, 8, 10), "label": (torch.rand(1, 6, 8, 10) > 0.5).byte()}
    item["spacing"] = torch.tensor([2.0, 1.0, 3.0])
    resized = ResizeCase((12, 4, 10), label=True)(item)
    assert resized["image"].shape == (2, 12, 4, 10) and resized["label"].shape == (1, 12, 4, 10)
    assert resized["spacing"].tolist() == [1, 2, 3], "that of the label"
    assert ResizeCase((12, 4, 10), label=False)(item)["spacing"] is item["spacing"]
