"""Spacings: read from headers, made one where they differ, and what resampling does to image and label."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.transform import resize
from touching import balls
from volumes import body_case, write_volume

from monaiseg.data import (
    Case,
    ReadCase,
    RespaceCase,
    common_spacing,
    evaluation_steps,
    image_spacing,
    respaced_size,
    training_steps,
)
from monaiseg.data.classes import Classes
from monaiseg.data.spacing import relative_spacing
from monaiseg.data.transforms import resized, respaced_label
from monaiseg.errors import DataError
from monaiseg.instances import ChannelTargets, InstancePlan

TWO = Classes("values", ("head", "tail"), ((1,), (2,)))
READ = ReadCase(3, 1, 2, TWO)


def bare(file: Path) -> Case:
    return Case(image=str(file), label=[], id="a", group=None)


def test_a_case_has_the_spacing_of_its_header_axis_by_axis(tmp_path: Path) -> None:
    item = READ(body_case(tmp_path, "a", (1, 2, 0.5)))
    assert item["spacing"].dtype == torch.float32 and item["spacing"].tolist() == [1, 2, 0.5]
    assert item["size"].tolist() == [32, 20, 48]


def test_turned_axes_and_nrrd_and_slices_and_pictures(tmp_path: Path) -> None:
    turned = np.array([[0, 0, 3.0, 0], [-2.0, 0, 0, 0], [0, 1.5, 0, 0], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), turned), tmp_path / "turned.nii.gz")
    assert image_spacing(bare(tmp_path / "turned.nii.gz"), 3) == (2, 1.5, 3)
    write_volume(tmp_path / "slice.nii.gz", np.zeros((4, 5, 1), np.float32), (0.7, 0.8, 5))
    slice_ = ReadCase(2, 1, 1)(bare(tmp_path / "slice.nii.gz"))
    assert slice_["spacing"].numpy() == pytest.approx([0.7, 0.8]) and slice_["image"].shape == (1, 4, 5)
    Image.new("L", (4, 5)).save(tmp_path / "picture.png", dpi=(300, 300))
    assert ReadCase(2, 1, 1)(bare(tmp_path / "picture.png"))["spacing"].tolist() == [1, 1]
    nrrd = pytest.importorskip("nrrd")
    nrrd.write(str(tmp_path / "v.nrrd"), np.zeros((3, 4, 5)), {"spacings": [0.5, 1, 2]})
    assert image_spacing(bare(tmp_path / "v.nrrd"), 3) == (0.5, 1, 2)


def test_a_header_without_a_place_is_told(tmp_path: Path) -> None:
    volume = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.eye(4))
    volume.header["srow_y"] = 0
    (tmp_path / "v.nii.gz").write_bytes(gzip.compress(volume.header.binaryblock + bytes(4 + 120)))
    with pytest.raises(DataError, match=r"v\.nii\.gz: its spacing is 1 x 0 x 1 mm; mend its header"):
        READ(bare(tmp_path / "v.nii.gz"))


def test_what_a_set_has_in_common(tmp_path: Path) -> None:
    def volumes(*spacings: tuple[float, float, float]) -> list[Case]:
        files = [tmp_path / f"{number}.nii.gz" for number in range(len(spacings))]
        for file, spacing in zip(files, spacings, strict=True):
            write_volume(file, np.zeros((2, 2, 2), np.uint8), spacing)
        return [bare(file) for file in files]

    assert common_spacing(volumes((1, 1, 2), (1, 1, 2.5), (1.2, 1, 5)), 3) == (1, 1, 2.5)
    assert common_spacing(volumes((1, 1, 2), (1, 1, 2)), 3) == (1, 1, 2), "other volumes may come to be predicted"
    assert common_spacing([], 3) is None
    Image.new("L", (4, 5)).save(tmp_path / "picture.png")
    assert common_spacing([bare(tmp_path / "picture.png")], 2) is None


SIDES = st.lists(st.integers(1, 300), min_size=2, max_size=3)


@given(SIDES, st.data())
def test_sizes_follow_the_ratio(size: list[int], data: st.DataObject) -> None:
    lengths = st.lists(st.floats(0.1, 10), min_size=len(size), max_size=len(size))
    own, new = data.draw(lengths), data.draw(lengths)
    got = respaced_size(size, own, new)
    assert respaced_size(size, own, own) == tuple(size)
    for side, before, after, result in zip(size, own, new, got, strict=True):
        assert result >= 1
        assert abs(result - side * before / after) <= max(0.5, 0.011 * side) or result == 1


@pytest.mark.parametrize("other", [(2, 2, 2), (1, 1, 3), (0.5, 1, 2), (0.8, 0.8, 0.8)])
def test_two_samplings_of_one_body_become_the_same_voxels(tmp_path: Path, other: tuple[float, ...]) -> None:
    """Also where an axis was finer and another coarser: the same size, places and classes."""
    step = RespaceCase((1, 1, 1), label=True)
    one, two = (step(READ(body_case(tmp_path, name, s))) for name, s in (("a", (1, 1, 1)), ("b", other)))
    assert one["image"].shape == two["image"].shape == (1, 32, 40, 24)
    inner = (slice(None), *[slice(2, -2)] * 3)
    assert (one["image"] - two["image"])[inner].abs().max() < 0.1 * one["image"].std() * max(other)
    bodies = [item["label"].amax(0) for item in (one, two)]
    middles = [body.nonzero().double().mean(0) for body in bodies]
    assert (middles[0] - middles[1]).abs().max() < 0.2, "half a voxel off would be seen"
    assert 2 * (bodies[0] & bodies[1]).sum() / sum(bodies).sum() > 0.92
    assert two["spacing"].tolist() == [1, 1, 1] and two["size"].tolist() != [32, 40, 24]


def test_the_same_voxels_with_other_headers_become_other_sizes(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(10, 12, 8)).astype(np.float32)
    sizes = []
    for number, spacing in enumerate([(1, 1, 1), (2, 1, 0.5)]):
        write_volume(tmp_path / f"{number}.nii.gz", values, spacing)
        sizes.append(tuple(RespaceCase((1, 1, 1), False)(READ(bare(tmp_path / f"{number}.nii.gz")))["image"].shape))
    assert sizes == [(1, 10, 12, 8), (1, 20, 12, 4)]


def test_a_spacing_in_units_of_its_smallest() -> None:
    assert relative_spacing((2.5, 0.5, 1.0)) == (5, 1, 2)
    assert relative_spacing((0.7, 0.7000001, 0.706)) == (1, 1, 1), "headers round"


def test_what_has_the_spacing_already_is_not_touched(tmp_path: Path) -> None:
    item = READ(body_case(tmp_path, "a", (1, 1, 1)))
    assert RespaceCase((1.005, 1, 1), label=True)(item) is item


def test_labels_stay_zeros_and_ones_and_classes_apart(tmp_path: Path) -> None:
    item = RespaceCase((0.7, 1.9, 1), label=True)(READ(body_case(tmp_path, "a", (1, 1, 1))))
    assert item["label"].dtype == torch.uint8 and item["label"].unique().tolist() == [0, 1]
    assert item["label"].sum(0).max() == 1


def meeting(*classes: tuple[int, int]) -> torch.Tensor:
    """A label [K, 12, 12, 12] whose classes are quarters of a cube in the middle."""
    label = torch.zeros(len(classes), 12, 12, 12, dtype=torch.uint8)
    for channel, (row, column) in zip(label, classes, strict=True):
        channel[2:10, 3 + 3 * row : 6 + 3 * row, 3 + 3 * column : 6 + 3 * column] = 1
    return label


@pytest.mark.parametrize("size", [(10, 10, 10), (8, 9, 7), (17, 15, 19)])
def test_no_seam_opens_where_classes_meet(size: tuple[int, ...]) -> None:
    """At the edge where four quarters meet each has about a quarter; a half would leave a hole in the organ."""
    quarters = meeting((0, 0), (0, 1), (1, 0), (1, 1))
    organ = quarters.sum(0, keepdim=True).byte()
    found = respaced_label(quarters, size)
    assert found.dtype == torch.uint8 and found.shape == (4, *size) and found.sum(0).max() == 1
    inner = resized(organ.float(), size)[0] > 0.99
    assert inner.any() and found.sum(0)[inner].all()
    assert torch.equal(respaced_label(organ, size)[0], resized(organ.float(), size)[0] >= 0.5), "a tie is the class's"


def test_classes_that_overlap_are_cut_at_a_half_each() -> None:
    whole, part = torch.zeros(2, 1, 12, 10, 8, dtype=torch.uint8)
    whole[:, 2:9, 2:8, 1:7], part[:, 4:7, 4:6, 2:5] = 1, 1
    found = respaced_label(torch.cat([whole, part]), (9, 8, 5))
    expected = [resized(one.float(), (9, 8, 5)) > 0.5 for one in (whole, part)]
    assert torch.equal(found, torch.cat(expected).byte()) and found.sum(0).max() == 2


def test_the_label_is_where_the_resampled_objects_are() -> None:
    """What is learnt as far inside an object must not be background, nor the other way round."""
    ids = torch.from_numpy(balls((20, 22, 34), ((10, 10, 9), 7), ((10, 10, 22), 7)))[None]
    item = {"image": torch.zeros(1, 20, 22, 34), "spacing": torch.tensor([1.0, 1.0, 1.0])}
    item |= {"instances": ids, "label": (ids > 0).byte()}
    made = RespaceCase((1.3, 0.8, 1.6), label=True)(item)
    assert made["instances"].shape == made["image"].shape == (1, 15, 28, 21)
    assert torch.equal(made["label"], (made["instances"] > 0).byte()) and made["instances"].max() == 2
    distance = ChannelTargets(InstancePlan(("distance",), "distance"))(made)["label"][1]
    assert torch.equal(distance > 0, made["label"][0] > 0)
    bare_image = RespaceCase((1.3, 0.8, 1.6), label=False)(item)
    assert bare_image["label"] is item["label"] and bare_image["spacing"] is item["spacing"], "both are the case's own"


def test_edges_are_continued_where_a_volume_shrinks() -> None:
    """Air in a CT is -1000 up to the edge; smoothing zeros into it would make it brighter there."""
    shrunk = resized(torch.full((2, 30, 9, 40), -1000.0), (10, 9, 7))
    assert torch.allclose(shrunk, torch.full((2, 10, 9, 7), -1000.0), atol=1e-2)


@pytest.mark.parametrize(
    ("shape", "size"), [((2, 30, 9, 40), (10, 9, 57)), ((3, 41, 30), (17, 60)), ((1, 7, 5), (7, 5))]
)
def test_it_is_what_scikit_image_does(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    values = torch.rand(*shape)
    theirs = [resize(plane, size, order=1, mode="edge", anti_aliasing=True) for plane in values.numpy()]
    assert np.abs(resized(values, size).numpy() - np.stack(theirs)).max() < 1e-5


def test_what_shrinks_is_smoothed_along_that_axis_alone() -> None:
    stripes = torch.arange(40).remainder(2).float()
    fine = stripes.expand(1, 40, 40).clone()
    assert (resized(fine, (40, 10)) - 0.5).abs().max() < 0.15, "stripes would alias"
    assert torch.allclose(resized(fine, (10, 40))[0], stripes.expand(10, 40), atol=1e-5)


def test_the_steps_of_training_and_evaluation_resample(tmp_path: Path) -> None:
    case = body_case(tmp_path, "a", (1, 1, 2))
    settings = SimpleNamespace(image_size=None, spacing=(2.0, 2.0, 2.0), roi_size=(16, 24, 8))
    trained, evaluated = training_steps(READ, settings)(case), evaluation_steps(READ, settings)(case)
    assert trained["image"].shape == (1, 16, 24, 12) and trained["label"].shape == (2, 16, 24, 12), "padded to the crop"
    assert evaluated["image"].shape == (1, 16, 20, 12) and evaluated["label"].shape == (2, 32, 40, 12)
    whole = READ(case)
    assert torch.equal(trained["mean"], whole["mean"]) and torch.equal(trained["std"], whole["std"])
    normalised = (RespaceCase(settings.spacing, False)(whole)["image"] - whole["mean"]) / whole["std"]
    assert torch.allclose(evaluated["image"], normalised, atol=1e-5)
