"""Faults planted into copies of real nuclei, a file each, and into lists of real polyps."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data.checking.planting import Planted, at, cut, mask_of, picture_of, told, write_png
from scipy import ndimage

from monaiseg.data.checking import check_data

Rows = list[dict[str, str]]


@pytest.fixture
def nuclei(tmp_path: Path, real_data: Callable[[str], Path]) -> Path:
    """Five images of nuclei, called 0 to 4, with a file a nucleus, called 0 and on."""
    cases = sorted((real_data("dsb2018/stage1_train")).iterdir())[::90][:5]
    for number, case in enumerate(cases):
        for sub in ("images", "masks"):
            (tmp_path / f"{number}" / sub).mkdir(parents=True)
            for count, file in enumerate(sorted((case / sub).glob("*.png"))):
                name = f"{number}" if sub == "images" else f"{count}"
                shutil.copy(file, tmp_path / f"{number}" / sub / f"{name}.png")
    return tmp_path


I, M = "2/images/2", "2/masks/3"  # noqa: E741


def grown(root: Path) -> None:
    """Let a nucleus cover its neighbours."""
    write_png(at(root, M), (255 * ndimage.binary_dilation(mask_of(at(root, M)), iterations=60)).astype(np.uint8))


def striped(root: Path) -> None:
    """Let a nucleus hold 1 and 2 in turn."""
    mask = mask_of(at(root, M)) // 255
    write_png(at(root, M), mask * (1 + np.arange(mask.shape[1], dtype=np.uint8) % 2))


FAULTS = {
    "a nucleus is there twice": Planted(
        lambda r: shutil.copy(at(r, M), at(r, M).with_name("99.png")), "warning", "overlap", "2/masks/99"
    ),
    "a nucleus is empty": Planted(lambda r: write_png(at(r, M), 0 * mask_of(at(r, M))), "warning", "empty_instance", M),
    "a nucleus is of another size": Planted(lambda r: write_png(at(r, M), mask_of(at(r, M))[:-3]), "error", "size", M),
    "a nucleus is cut short": Planted(lambda r: cut(at(r, M), 0.5), "error", "unreadable", M),
    "a nucleus is grey": Planted(striped, "error", "values", M),
    "there are no nuclei": Planted(lambda r: shutil.rmtree(r / "2/masks"), "error", "unpaired", I),
    "there is no image": Planted(lambda r: at(r, I).unlink(), "error", "unpaired", "2/images"),
    "there are two images": Planted(
        lambda r: shutil.copy(at(r, I), at(r, I).with_name("b.png")), "error", "unpaired", "2/images"
    ),
    "the image is cut short": Planted(lambda r: cut(at(r, I), 0.5), "error", "unreadable", I),
    "the image is transposed": Planted(
        lambda r: write_png(at(r, I), picture_of(at(r, I))[:-9]), "error", "size", "2/masks/0"
    ),
}


def test_sound_nuclei_are_clean(nuclei: Path) -> None:
    assert told(check_data(nuclei)) == []


@pytest.mark.parametrize("planted", FAULTS.values(), ids=FAULTS)
def test_one_fault(nuclei: Path, planted: Planted) -> None:
    planted.plant(nuclei)
    assert told(check_data(nuclei)) == [(planted.severity, planted.kind, planted.file)]


def test_classes_by_value_are_no_masks_that_are_merged(nuclei: Path) -> None:
    """The text of the list of files was once opened as a file, and the check ended."""
    faults = check_data(nuclei, classes={"nucleus": 255}).faults
    assert {fault.kind for fault in faults} == {"classes"} and len(faults) == 5


def test_a_nucleus_that_covers_others_is_told(nuclei: Path) -> None:
    grown(nuclei)
    faults = check_data(nuclei).faults
    assert {fault.kind for fault in faults} == {"overlap"} and all("3.png" in str(fault) for fault in faults)


def rows_of(folder: Path) -> Rows:
    return [
        {"image": f"images/{n}.jpg", "label": f"masks/{n}.jpg", "id": f"case {n}", "group": f"patient {n // 2}"}
        | {"split": "train" if n < 6 else "validation"}
        for n in range(8)
    ]


@pytest.fixture
def listed(tmp_path: Path, real_data: Callable[[str], Path]) -> Callable[[Callable[[Rows], object]], Path]:
    """Gives the list of eight polyps after a change of its rows."""
    for sub in ("images", "masks"):
        (tmp_path / sub).mkdir()
        for number, file in enumerate(sorted((real_data("kvasir-seg") / "train" / sub).iterdir())[:80:10]):
            shutil.copy(file, tmp_path / sub / f"{number}.jpg")

    def write(change: Callable[[Rows], object]) -> Path:
        rows = rows_of(tmp_path)
        change(rows)
        with (tmp_path / "cases.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        return tmp_path / "cases.csv"

    return write


@pytest.mark.parametrize(
    ("change", "kind", "told_of"),
    [
        (
            lambda rows: rows[7].update(image="images/0.jpg", label="masks/0.jpg"),
            "leak",
            "image of case case 0 as well",
        ),
        (lambda rows: rows[4].update(image="images/0.jpg", label="masks/0.jpg"), "duplicate", "case case 0 as well"),
        (
            lambda rows: rows[7].update(group="patient 1"),
            "group_leak",
            "is of group patient 1, as case 2, which is in train",
        ),
        (lambda rows: rows[3].update(image="images/33.jpg"), "list", "row 4 names"),
        (lambda rows: rows[3].update(id="case 1"), "list", "row 4 has the id case 1 of an earlier row"),
        (lambda rows: rows[3].update(split="tset"), "list", "row 4 cannot be used"),
    ],
)
def test_faults_of_lists(
    listed: Callable[[Callable[[Rows], object]], Path], change: Callable[[Rows], object], kind: str, told_of: str
) -> None:
    (fault,) = check_data(listed(change)).faults
    assert fault.kind == kind and told_of in fault.message


def test_a_sound_list_is_clean(listed: Callable[[Callable[[Rows], object]], Path]) -> None:
    assert check_data(listed(lambda rows: None)).faults == []
