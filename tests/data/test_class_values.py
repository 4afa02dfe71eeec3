"""What the values of label files tell of the classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monaiseg.data.cases import Case
from monaiseg.data.class_values import SEEN, find_classes, seen_values, spread
from monaiseg.errors import DataError


@pytest.fixture
def label(tmp_path: Path):
    """Gives `label(values)`: a case whose label file holds these values."""

    def write(values: list[int]) -> Case:
        name = f"{len(list(tmp_path.iterdir())):03d}.png"
        Image.fromarray(np.resize(np.array(values, np.uint8), (6, 7))).save(tmp_path / name)
        return Case(image=name, label=[str(tmp_path / name)], id=name, group=None)

    return write


def names(cases: list[Case]) -> tuple[str, ...]:
    return find_classes(cases, 2).names


def test_a_class_of_few_cases_is_found_wherever_these_are(label) -> None:
    """Of masks of one value each, a second class was once merged with the first unless it came early."""
    cases = [label([0, 1]) for _ in range(50)]
    assert names(cases) == ("foreground",)
    cases[33] = label([0, 2])
    assert cases[33] not in spread(cases)
    assert names(cases) == ("1", "2")


def test_a_value_that_comes_late_is_in_doubt_with_its_file(label) -> None:
    cases = [label([0, 1]) for _ in range(30)]
    cases[17] = label([0, 5])
    with pytest.raises(DataError, match=r"holds 5, and the labels 1, 5, which may be classes") as error:
        find_classes(cases, 2)
    assert str(error.value).startswith(cases[17]["label"][0]) and error.value.kind == "gaps"


def test_few_labels_are_read_where_these_settle_it(label) -> None:
    cases = [label([0, 255]) for _ in range(SEEN + 9)]
    assert len(seen_values(cases, 2)) == SEEN
    cases = [label([0, 1, 2]) for _ in range(SEEN + 9)]
    assert len(seen_values(cases, 2)) == SEEN


@pytest.mark.parametrize("odd", [0, 7, 19])
def test_one_mask_among_labels_by_value_changes_nothing(label, odd: int) -> None:
    cases = [label([0, 1, 2]) for _ in range(20)]
    cases[odd] = label([0, 255])
    assert names(cases) == ("1", "2")


@pytest.mark.parametrize("odd", [0, 7, 19])
def test_one_label_by_value_among_masks_changes_nothing(label, odd: int) -> None:
    cases = [label([0, 255]) for _ in range(20)]
    cases[odd] = label([0, 1, 2])
    assert names(cases) == ("foreground",)


def test_the_rarest_value_is_blamed(label) -> None:
    cases = [label([0, 1, 3]) for _ in range(5)] + [label([0, 2, 3, 9])]
    with pytest.raises(DataError, match="holds 9, and the labels 1, 2, 3, 9") as error:
        find_classes(cases, 2)
    assert str(error.value).startswith(cases[-1]["label"][0])


def test_files_that_cannot_be_read_are_left_out_on_request(label, tmp_path: Path) -> None:
    cases = [label([0, 1, 2]) for _ in range(3)]
    Path(str(cases[1]["label"][0])).write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read"):
        seen_values(cases, 2)
    assert list(seen_values(cases, 2, readable_only=True)) == [cases[0]["label"][0], cases[2]["label"][0]]


def test_a_list_of_files_a_label_is_a_mask(label) -> None:
    several = label([0, 1])
    several["label"] = [[str(several["label"][0])] * 2]
    assert names([label([0, 1, 2]), several]) == ("foreground",)
