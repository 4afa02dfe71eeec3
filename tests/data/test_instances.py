"""Objects are told apart as their files tell them: a file each, an id each, or what touches is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pictures import case, nifti, png, refused

from monaiseg.cli import main
from monaiseg.data import Case, Classes, ReadCase, ResizeCase, load_cases, write_generated
from monaiseg.data.class_values import find_classes
from monaiseg.data.classes import OBJECTS, classes_beside, classes_of
from monaiseg.data.converting import convert_data
from monaiseg.data.finding import find_whole
from monaiseg.data.generated.nuclei import generate_nuclei, generate_numbered_nuclei
from monaiseg.data.labels import read_instances, read_label
from monaiseg.errors import ConfigError, DataError

IDS = np.array([[0, 7, 7, 300], [0, 7, 300, 300], [9, 0, 0, 0]], np.uint16)


def of_files(*files: str) -> Case:
    return Case(image="image.png", label=[list(files)], id="a", group=None)


def mask(folder: Path, rows: list[str], name: str) -> str:
    return png(folder, np.array([[255 * (c == "#") for c in row] for row in rows], np.uint8), name=name)


def test_each_file_of_a_class_is_an_object_and_the_later_one_has_what_both_cover(tmp_path: Path) -> None:
    files = mask(tmp_path, ["##..", "##.#"], "a.png"), mask(tmp_path, [".##.", "...."], "b.png")
    ids, _ = read_instances(of_files(*files), 2)
    assert ids.dtype == np.int32
    assert ids.tolist() == [[[1, 2, 2, 0], [1, 1, 0, 1]]]  # the first has two parts, and is one object
    assert read_instances(of_files(files[0]), 2)[0].max() == 1


def test_what_touches_by_a_corner_is_one_object_of_a_mask(tmp_path: Path) -> None:
    ids, _ = read_instances(case(mask(tmp_path, ["#...", ".#.#", "...#"], "a.png")), 2)
    assert ids.tolist() == [[[1, 0, 0, 0], [0, 1, 0, 2], [0, 0, 0, 2]]]
    cube = np.zeros((2, 2, 3), np.uint8)
    cube[0, 0, 0] = cube[1, 1, 1] = 1
    assert read_instances(case(nifti(tmp_path, cube)), 3)[0].max() == 1


def test_classes_by_value_have_objects_of_their_own(tmp_path: Path) -> None:
    two = classes_of({"cell": 1, "debris": 2}, "classes")
    ids, _ = read_instances(case(png(tmp_path, np.array([[1, 2, 0, 1]], np.uint8))), 2, two)
    assert ids.tolist() == [[[1, 0, 0, 2]], [[0, 1, 0, 0]]]


@pytest.mark.parametrize("suffix", ["png", "tif", "nii.gz"])
def test_stored_ids_are_kept(tmp_path: Path, suffix: str) -> None:
    path = str(tmp_path / f"a.{suffix}")
    if suffix == "tif":
        tifffile.imwrite(path, IDS, compression="zlib")
    elif suffix == "png":
        png(tmp_path, IDS)
    else:
        nifti(tmp_path, IDS[..., None])
    dims = 3 if suffix == "nii.gz" else 2
    expected = IDS[..., None] if dims == 3 else IDS
    assert np.array_equal(read_instances(case(path), dims, OBJECTS)[0], expected[None])
    assert np.array_equal(read_label(case(path), dims, OBJECTS)[0], expected[None] > 0)


def test_ids_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = nifti(tmp_path, np.array([[[0, -1, 3]]], np.int16))
    refused(lambda: read_label(case(path), 3, OBJECTS), path, "holds -1 to 3; ids of objects are from 1")
    for first in (2**24, 2**24 + 1):
        path = nifti(tmp_path, np.array([[[0, 1, first]]], np.int32))
        refused(lambda path=path: read_label(case(path), 3, OBJECTS), path, "ids of objects are from 1 to 16777215")
    largest = nifti(tmp_path, np.array([[[0, 1, 2**24 - 1]]], np.int32))
    assert read_instances(case(largest), 3, OBJECTS)[0].max() == 2**24 - 1
    with pytest.raises(DataError, match="has several label files, but its classes are told by instances in one"):
        read_instances(of_files("a.png", "b.png"), 2, OBJECTS)


@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)),
    st.sampled_from([OBJECTS, classes_of({"a": 1, "b": [2, 3]}, ""), classes_of({"a": [1, 2, 3], "b": 3}, "")]),
)
def test_objects_cover_what_the_label_covers(
    tmp_path_factory: pytest.TempPathFactory, values: npt.NDArray[np.uint8], classes: Classes
) -> None:
    path = png(tmp_path_factory.getbasetemp(), values, name="objects.png")
    ids, label = (read(case(path), 2, classes)[0] for read in (read_instances, read_label))
    assert np.array_equal(ids > 0, label)


def test_a_case_has_its_objects_where_they_are_asked_for_and_they_are_resized_as_its_label(tmp_path: Path) -> None:
    one = case(png(tmp_path, IDS), image=png(tmp_path, np.zeros((*IDS.shape, 3), np.uint8), name="image.png"))
    assert "instances" not in ReadCase(2, 3, 1, OBJECTS)(one)
    item = ReadCase(2, 3, 1, OBJECTS, instances=True)(one)
    assert item["instances"].dtype == torch.int32 and item["label"].dtype == torch.uint8
    resized = ResizeCase((6, 8), label=True)(item)
    assert resized["instances"].tolist() == [np.repeat(np.repeat(IDS, 2, 0), 2, 1).tolist()]
    assert torch.equal(resized["instances"] > 0, resized["label"] > 0)
    assert ResizeCase((6, 8), label=False)(item)["instances"].shape == (1, 3, 4)


def test_a_word_says_that_labels_hold_ids(tmp_path: Path) -> None:
    assert classes_of("instances", "classes") == OBJECTS == Classes.from_record(OBJECTS.record())
    assert str(OBJECTS) == "object"
    (tmp_path / "classes.json").write_text('"instances"')
    assert classes_beside(tmp_path) == OBJECTS
    with pytest.raises(ConfigError, match=r"^classes is 'instance'; write auto, instances, or a table such as"):
        classes_of("instance", "classes")


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Four generated pictures whose masks number the nuclei."""
    return write_generated("nuclei", tmp_path / "numbered", cases=4, instances=True)


def test_generated_nuclei_have_numbers_that_part_what_touches(tmp_path: Path) -> None:
    image, ids = generate_numbered_nuclei(3)
    assert all(np.array_equal(*pair) for pair in zip((image, 255 * (ids > 0)), generate_nuclei(3), strict=True))
    touching = read_instances(case(png(tmp_path, 255 * (ids > 0).astype(np.uint8))), 2)[0]
    assert len(np.unique(ids)) > len(np.unique(touching))
    with pytest.raises(ConfigError, match="the objects of generated polyps are not told apart"):
        write_generated("polyps", tmp_path / "polyps", instances=True)


def test_no_data_root_generates_ids_where_classes_are_instances(tmp_path: Path) -> None:
    split = load_cases(generated_dir=str(tmp_path), classes="instances")
    assert split.root == tmp_path / "nuclei-v1-instances" and split.classes == OBJECTS
    assert read_instances(split.train[0], 2, split.classes)[0].max() > 3


def test_the_check_counts_objects(numbered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(numbered), "--classes", "instances"]) == 0
    out = capsys.readouterr().out
    counts = [len(np.unique(generate_numbered_nuclei(seed)[1])) - 1 for seed in range(4)]
    assert "instances a case" in out and f"{min(counts)} to {max(counts)}, mean {np.mean(counts):g}" in out


def test_labels_that_may_hold_ids_are_told_so(tmp_path: Path) -> None:
    path = png(tmp_path, np.array([[0, 3, 9, 9]], np.uint8))
    refused(lambda: find_classes([case(path)], 2), path, "or set --classes instances if each object has a value of its")
    path = png(tmp_path, np.arange(300, dtype=np.uint16).reshape(10, 30))
    refused(lambda: read_label(case(path), 2), path, "or set --classes instances if each object has a value of its own")


def test_conversions_keep_objects_apart_or_say_that_they_do_not(
    numbered: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for to in ("dsb2018", "list", "images_masks"):
        convert_data(numbered, tmp_path / to, to, classes="instances")
    told = [record.getMessage() for record in caplog.records if "instances" in record.getMessage().split(": ")[1]]
    lost = "ids of objects are lost, without instances; --to dsb2018 and --to list keep them apart"
    assert told == [f"{tmp_path / 'images_masks'}: {lost}"]
    truth = find_whole(numbered, classes="instances")
    for to in ("dsb2018", "list"):
        found, classes = find_whole(tmp_path / to)
        for before, after in zip(truth[0].cases, found.cases, strict=True):
            ids = read_instances(before, 2, OBJECTS)[0], read_instances(after, 2, classes)[0]
            assert len({(a, b) for a, b in zip(*(one.ravel() for one in ids), strict=True)}) == len(np.unique(ids[0]))
            assert np.array_equal(ids[0] > 0, ids[1] > 0)


def test_nuclei_of_the_data_science_bowl_keep_their_numbers(real_data: Callable[[str], Path]) -> None:
    """A few of its nuclei lie on each other by a pixel or two: none is lost."""
    found, classes = find_whole(real_data("dsb2018/stage1_train"))
    for one in found.cases[::50]:
        ids, _ = read_instances(one, 2, classes)
        assert set(np.unique(ids)) - {0} == set(range(1, len(one["label"][0]) + 1))
