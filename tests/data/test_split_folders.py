"""Folders that come split: train and validation stay apart whatever the test part is like."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from layouts import touch

from monaiseg.data import find_data
from monaiseg.errors import DataError


def pairs(part: str, *numbers: int) -> list[str]:
    return [f"{part}/{kind}/{number}.png" for kind in ("images", "masks") for number in numbers]


def parts(root: Path) -> dict[str, list[str]]:
    return {part: [case["id"] for case in cases] for part, cases in find_data(root).parts.items()}


@pytest.mark.parametrize(
    ("files", "note"),
    [
        (["test/images/7.png"], "the test part is left out; it has no images with masks of a known layout"),
        (["test/images/7.png", "test/masks/.keep"], "none of its cases can be used ({root}/test/images/7.png: no mask"),
        (["test/readme.txt"], "the test part is left out"),
        (["test/images/7.png", "test/masks/a/7.png"], "its classes are a, not unnamed"),
        (
            ["test/images/7.png", "test/masks/7.png", "test/masks/classes.json", "test/classes.json"],
            "the test part is left out ({root}/test/classes.json: cannot be read as a table of classes",
        ),
    ],
)
def test_a_test_part_that_cannot_be_used_leaves_the_split_as_it_is(tmp_path: Path, files: list[str], note: str) -> None:
    touch(tmp_path, *pairs("train", 1, 2), *pairs("val", 3), *files)
    assert parts(tmp_path) == {"train": ["1", "2"], "validation": ["3"]}
    found = find_data(tmp_path)
    assert not found.faults
    (told,) = found.notes
    assert told.startswith(f"{tmp_path / 'test'}: ") and note.format(root=tmp_path) in told


def test_faults_in_a_test_part_are_told_and_stop_nothing(tmp_path: Path) -> None:
    touch(tmp_path, *pairs("train", 1, 2), *pairs("test", 3), "test/images/4.png")
    found = find_data(tmp_path)
    assert parts(tmp_path) == {"train": ["1", "2"], "test": ["3"]} and not found.faults
    assert found.notes == [
        f"{tmp_path}/test: 1 faults in the test part; what they concern is left out, first {tmp_path}/test/images/4.png"
        f": no mask 4.* in {tmp_path}/test/masks; add it or remove the image"
    ]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([*pairs("train", 1), "val/images/2.png"], "a split of train is not completed by val"),
        ([*pairs("val", 1), "train/images/2.png"], "a split of val is not completed by train"),
        (
            [*pairs("val", 1), *pairs("test", 2)],
            "a split of val and test is not completed by a training part",
        ),
        ([*pairs("test", 1), *pairs("more", 2)], "a split of test is not completed by more"),
    ],
)
def test_parts_of_a_split_are_never_joined(tmp_path: Path, files: list[str], told: str) -> None:
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: {told}; lay it out as train and val")):
        find_data(tmp_path)


def test_a_training_part_alone_is_a_set_one_folder_deeper(tmp_path: Path) -> None:
    touch(tmp_path, *pairs("train", 1, 2))
    assert parts(tmp_path) == {"all": ["1", "2"]}


def test_what_lies_beside_the_parts_is_told(tmp_path: Path) -> None:
    touch(tmp_path, *pairs("train", 1), *pairs("val", 2), *pairs("extra", 3))
    assert find_data(tmp_path).notes == [f"{tmp_path}: comes split; extra in it not looked at"]


def inside(part: str, *numbers: int) -> list[str]:
    return [f"{kind}/{part}/{number}.png" for kind in ("images", "masks") for number in numbers]


def test_parts_inside_images_and_masks(tmp_path: Path) -> None:
    touch(tmp_path, *inside("train", 1, 2), *inside("val", 1), "images/test/1.png")
    found = find_data(tmp_path)
    assert parts(tmp_path) == {"train": ["1", "2"], "validation": ["1"]} and found.layout == "images_masks"
    assert found.parts["validation"][0]["image"] == str(tmp_path / "images/val/1.png")
    assert found.notes == [f"{tmp_path}/images/test: no masks for the test part in {tmp_path}/masks; it is left out"]


def test_parts_inside_images_and_masks_with_a_folder_a_class(tmp_path: Path) -> None:
    for part in ("train", "val"):
        touch(tmp_path, f"images/{part}/1.png", f"masks/{part}/b/1.png", f"masks/{part}/a/1.png")
    found = find_data(tmp_path)
    assert parts(tmp_path) == {"train": ["1"], "validation": ["1"]} and found.layout == "class_masks"
    assert found.classes is not None and found.classes.names == ("a", "b")


def test_a_part_inside_without_masks_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, *inside("train", 1), "images/val/1.png")
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}/masks: has no folder val, as {tmp_path}/images has")):
        find_data(tmp_path)


def test_faults_of_a_test_part_inside_are_told_and_stop_nothing(tmp_path: Path) -> None:
    touch(tmp_path, *inside("train", 1), *inside("val", 1), *inside("test", 2), "images/test/3.png")
    found = find_data(tmp_path)
    assert parts(tmp_path)["test"] == ["2"] and not found.faults
    assert "1 faults in the test part; what they concern is left out" in found.notes[0]
