"""Faults planted into sets of volumes: each is told once, of the right kind and with the right file, alone."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from data.checking.planting import (
    Change,
    Planted,
    at,
    break_header,
    change_volume,
    cut,
    told,
    values_of,
    with_value,
    write_volume,
)

from monaiseg.data.checking import check_data

A, B = "imagesTr/3", "labelsTr/3"


def scaled(factor: float) -> Change:
    def change(affine: np.ndarray) -> np.ndarray:
        affine[:3, 2] *= factor
        return affine

    return change


def mirrored(affine: np.ndarray) -> np.ndarray:
    affine[:3, 0] *= -1
    return affine


def shifted(affine: np.ndarray) -> np.ndarray:
    affine[0, 3] += 50
    return affine


def turned(degrees: float) -> Change:
    angle = np.radians(degrees)
    rotation = np.eye(3)
    rotation[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]

    def change(affine: np.ndarray) -> np.ndarray:
        affine[:3, :3] = rotation @ affine[:3, :3]
        return affine

    return change


def sliced(root: Path) -> None:
    for place in (A, B):
        change_volume(root, place, lambda values: values[..., values.shape[-1] // 2])


FAULTS = {
    "a label is missing": Planted(lambda r: at(r, B).unlink(), "error", "unpaired", A),
    "an image is missing": Planted(lambda r: at(r, A).unlink(), "warning", "unpaired", B),
    "a volume is cut short": Planted(lambda r: cut(at(r, A), 0.5), "error", "unreadable", A),
    "a volume is empty": Planted(lambda r: at(r, A).write_bytes(b""), "error", "unreadable", A),
    "a volume is a text": Planted(lambda r: at(r, A).write_text("id,label\n"), "error", "unreadable", A),
    "a label is cut short": Planted(lambda r: cut(at(r, B), 0.2), "error", "unreadable", B),
    "a label is empty": Planted(lambda r: at(r, B).write_bytes(b""), "error", "unreadable", B),
    "a voxel is not a number": Planted(lambda r: change_volume(r, A, with_value(np.nan)), "error", "not_finite", A),
    "a voxel is infinite": Planted(lambda r: change_volume(r, A, with_value(np.inf)), "error", "not_finite", A),
    "a voxel is absurd": Planted(lambda r: change_volume(r, A, with_value(1e9)), "warning", "intensity", A),
    "a volume is in other units": Planted(
        lambda r: change_volume(r, A, lambda v: v.astype(np.float32) * 1e6), "warning", "intensity", A
    ),
    "a volume is constant": Planted(lambda r: change_volume(r, A, np.zeros_like), "warning", "constant", A),
    "a header has no numbers": Planted(lambda r: break_header(at(r, A)), "error", "spacing", A),
    "a label has another spacing": Planted(lambda r: change_volume(r, B, move=scaled(1.5)), "error", "spacing", B),
    "a label points elsewhere": Planted(lambda r: change_volume(r, B, move=mirrored), "error", "orientation", B),
    "a label is turned by 30 degrees": Planted(
        lambda r: change_volume(r, B, move=turned(30)), "error", "orientation", B
    ),
    "a label is turned by 2 degrees": Planted(lambda r: change_volume(r, B, move=turned(2)), "error", "orientation", B),
    "a label lies elsewhere": Planted(lambda r: change_volume(r, B, move=shifted), "warning", "origin", B),
    "a label has another size": Planted(lambda r: change_volume(r, B, lambda v: v[:-1]), "error", "size", B),
    "a label has a stray value": Planted(lambda r: change_volume(r, B, with_value(7)), "error", "gaps", B),
    "a label has a negative value": Planted(lambda r: change_volume(r, B, with_value(-1)), "error", "gaps", B),
    "a label is a mask": Planted(
        lambda r: change_volume(r, B, lambda v: (255 * (v > 0)).astype(np.uint8)), "error", "values", B
    ),
    "a label is the image": Planted(lambda r: shutil.copy(at(r, A), at(r, B)), "error", "values", B),
    "a label is stored as float": Planted(
        lambda r: change_volume(r, B, lambda v: v.astype(np.float32)), "warning", "float_label", B
    ),
    "a label was interpolated": Planted(
        lambda r: change_volume(r, B, lambda v: v.astype(np.float32) * 0.75), "error", "values", B
    ),
    "a label has nothing in it": Planted(lambda r: change_volume(r, B, np.zeros_like), "warning", "empty", B),
    "a volume is a slice": Planted(sliced, "error", "dimensions", A),
    "a volume has two channels": Planted(
        lambda r: change_volume(r, A, lambda v: np.stack([v, v], axis=-1)), "error", "channels", A
    ),
}


def test_sound_volumes_are_clean(scans: Path) -> None:
    report = check_data(scans)
    assert told(report) == [] and report.worst == "clean"


@pytest.mark.parametrize("planted", FAULTS.values(), ids=FAULTS)
def test_one_fault(scans: Path, planted: Planted) -> None:
    planted.plant(scans)
    assert told(check_data(scans)) == [(planted.severity, planted.kind, planted.file)]


def test_no_fault_hides_another(scans: Path) -> None:
    """A stray value, which leaves the classes in doubt, once kept all other labels from being looked at."""
    change_volume(scans, "labelsTr/0", with_value(7))
    change_volume(scans, "labelsTr/1", lambda v: v[:-1])
    change_volume(scans, "labelsTr/2", np.zeros_like)
    change_volume(scans, "labelsTr/3", lambda v: v.astype(np.float32), mirrored)
    at(scans, "imagesTr/4").write_bytes(b"")
    assert told(check_data(scans)) == [
        ("error", "gaps", "labelsTr/0"),
        ("error", "orientation", "labelsTr/3"),
        ("error", "size", "labelsTr/1"),
        ("error", "unreadable", "imagesTr/4"),
        ("warning", "empty", "labelsTr/2"),
        ("warning", "float_label", "labelsTr/3"),
    ]


def test_an_image_of_nothing_but_nan_is_told_without_a_warning_of_numpy(scans: Path) -> None:
    change_volume(scans, A, lambda v: np.full(v.shape, np.nan, np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert told(check_data(scans)) == [("error", "not_finite", A)]


def test_the_rare_value_is_named_and_a_negative_one_gets_no_name(scans: Path) -> None:
    change_volume(scans, B, with_value(-1))
    (fault,) = check_data(scans).faults
    assert "holds -1, and the labels -1, 1, 2" in fault.message
    assert "{'name0': 1, 'name1': 2}" in fault.message


def with_channels(scans: Path) -> Path:
    """Turn a set into one of two files a case, the second of other contrast, as nnU-Net has them."""
    for file in sorted((scans / "imagesTr").iterdir()):
        values, affine = values_of(file)
        name = file.name.partition(".")[0]
        file.rename(file.with_name(f"{name}_0000.nii.gz"))
        write_volume(file.with_name(f"{name}_0001.nii.gz"), np.sqrt(values.astype(np.float32) + 200), affine)
    return scans


SECOND = "imagesTr/3_0001"
OF_SECOND = {
    "a voxel is not a number": Planted(
        lambda r: change_volume(r, SECOND, with_value(np.nan)), "error", "not_finite", SECOND
    ),
    "it has another size": Planted(lambda r: change_volume(r, SECOND, lambda v: v[:-1]), "error", "size", SECOND),
    "it points elsewhere": Planted(lambda r: change_volume(r, SECOND, move=mirrored), "error", "orientation", SECOND),
    "it has another spacing": Planted(lambda r: change_volume(r, SECOND, move=scaled(2)), "error", "spacing", SECOND),
    "it has a spike": Planted(lambda r: change_volume(r, SECOND, with_value(1e9)), "warning", "intensity", SECOND),
    "it is constant": Planted(lambda r: change_volume(r, SECOND, np.ones_like), "warning", "constant", SECOND),
    "it is missing": Planted(lambda r: at(r, SECOND).unlink(), "error", "unpaired", "imagesTr/3_0000"),
    "it is cut short": Planted(lambda r: cut(at(r, SECOND), 0.5), "error", "unreadable", SECOND),
}


def test_sound_channels_are_clean(scans: Path) -> None:
    assert told(check_data(with_channels(scans))) == []


@pytest.mark.parametrize("planted", OF_SECOND.values(), ids=OF_SECOND)
def test_one_fault_of_a_second_file(scans: Path, planted: Planted) -> None:
    planted.plant(with_channels(scans))
    assert told(check_data(scans)) == [(planted.severity, planted.kind, planted.file)]


def test_flat_volumes_are_pictures(scans: Path) -> None:
    for sub in ("imagesTr", "labelsTr"):
        for number in range(5):
            change_volume(scans, f"{sub}/{number}", lambda v: v[:, :, v.shape[2] // 2 : v.shape[2] // 2 + 1])
    report = check_data(scans)
    assert [fault for fault in report.faults if fault.severity == "error"] == []
    assert all(size.count("x") == 1 for size in report.summary.sizes)
