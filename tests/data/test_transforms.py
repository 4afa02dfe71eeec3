"""The steps from a case to tensors: reading, normalising, augmenting."""

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

from monaiseg.data import Case, NormaliseCase, ReadCase, augmentation, list_cases
from monaiseg.errors import ConfigError, DataError

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


@pytest.mark.parametrize(("preset", "hint"), [("ligth", "'light'"), ("None", "'none'"), (0, "light, none")])
def test_an_unknown_preset_gets_a_hint(preset: Any, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"augment is {preset!r}.*{hint}"):
        augmentation(preset, (8, 8))


@pytest.mark.parametrize("roi", [(8, 12), (8, 8), (8, 12, 8), (6, 8, 10), (8, 8, 8)])
def test_light_keeps_shapes_and_moves_both(roi: tuple[int, ...]) -> None:
    light = augmentation("light", roi)
    label = torch.arange(int(np.prod(roi))).reshape(1, *roi) % 2 == 0
    label[:, : roi[0] // 2] = False
    item = {"image": label.repeat(2, *[1] * len(roi)).float(), "label": label.byte()}
    seen = set()
    for seed in range(40):
        light.set_random_state(seed)
        moved = light(dict(item))
        assert moved["image"].shape == (2, *roi) and moved["label"].shape == (1, *roi)
        bright = moved["image"] > (moved["image"].min() + moved["image"].max()) / 2
        assert torch.equal(torch.as_tensor(bright[0]), torch.as_tensor(moved["label"][0] > 0))
        seen.add(np.asarray(moved["label"]).tobytes())
    assert len(seen) > len(roi), "nothing moved"


def test_none_changes_nothing() -> None:
    item = {"image": torch.rand(1, 4, 5), "label": torch.ones(1, 4, 5)}
    assert augmentation("none", (4, 5))(item) is item
