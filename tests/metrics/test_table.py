"""What a row of `cases.csv` holds."""

from __future__ import annotations

import pytest
from metrics.tables import EMPTY, FALSE, HALF, MISSED, PERFECT, table


def test_a_row_has_the_case_its_scores_and_the_baselines() -> None:
    first, second = table([PERFECT], [HALF]).rows()
    assert (first["id"], first["group"], first["dice"], first["baseline_dice"]) == ("case0", "", 1.0, 0.5)
    assert (second["dice"], second["iou"], second["recall"]) == (0.5, pytest.approx(1 / 3), 0.5)
    assert "dice_foreground" not in first


def test_several_classes_have_columns_of_their_own_and_a_mean() -> None:
    (row,) = table([PERFECT, MISSED], classes=["liver", "tumour"]).rows()
    assert (row["dice_liver"], row["dice_tumour"], row["dice"]) == (1.0, 0.0, 0.5)


def test_a_group_is_told_where_it_is_not_the_case() -> None:
    rows = list(table([PERFECT], [FALSE], [EMPTY], groups=["video", "video", "case2"]).rows())
    assert [row["group"] for row in rows] == ["video", "video", ""]


def test_means_are_over_cases_of_any_size() -> None:
    means = table([PERFECT], [MISSED], [EMPTY]).means()
    assert means["dice"] == pytest.approx(2 / 3)
    assert means["baseline_dice"] == 0.5
