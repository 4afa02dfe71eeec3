"""The summary of a table: every figure against its own reckoning, and the words that go with it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from metrics.tables import EMPTY, FALSE, HALF, MISSED, PERFECT, table

from monaiseg.metrics import MEASURES, Summary
from monaiseg.metrics.matching import IOU_THRESHOLDS, match_instances


def test_mean_median_baseline_and_intervals() -> None:
    summary = Summary.of(table([PERFECT], [PERFECT], [HALF]))
    dice = summary.lines["dice"]
    assert (dice.mean, dice.median, dice.baseline) == (pytest.approx(2.5 / 3), 1.0, 0.5)
    assert dice.interval is not None and dice.interval == (0.5, 1.0)
    assert dice.above == (0.0, 0.5), "case by case, not the difference of the ends"


def test_one_case_has_no_interval() -> None:
    line = Summary.of(table([HALF])).lines["dice"]
    assert (line.interval, line.above) == (None, None)


def test_over_the_data_set_large_objects_weigh_more() -> None:
    """One large object found, one small one missed: half as a mean over images, nearly all as one."""
    large, small = (900, 0, 0, 100), (0, 0, 100, 900)
    summary = Summary.of(table([large], [small]))
    assert summary.lines["dice"].mean == 0.5
    assert summary.over_data_set["dice"] == pytest.approx(2 * 900 / (2 * 900 + 100))
    assert summary.over_data_set["recall"] == pytest.approx(0.9)


def test_over_batches_of_16() -> None:
    """One large object among fifteen that were missed hides them; four cases more are a quarter of a batch."""
    large = (900, 0, 0, 100)
    summary = Summary.of(table([large], *[[MISSED]] * 15, *[[PERFECT]] * 4))
    assert summary.over_batches == pytest.approx((16 * 900 / (900 + 15 * 8) + 4 * 1) / 20, abs=1e-6)
    assert summary.lines["iou"].mean == 5 / 20


def test_empty_and_missed_masks_are_counted() -> None:
    summary = Summary.of(table([PERFECT], [MISSED], [FALSE], [EMPTY], [HALF]))
    assert (summary.empty_truths, summary.missed) == (2, 1)


def test_what_was_found_elsewhere_alone_was_missed() -> None:
    assert Summary.of(table([(0, 8, 8, 84)])).missed == 1


@pytest.mark.parametrize(("dims", "unit"), [(2, "pixels"), (3, "mm")])
def test_the_unit_of_a_distance_is_that_of_the_images(dims: int, unit: str) -> None:
    scores = table([PERFECT], spatial_dims=dims)
    scores.values["hd95"] = np.array([[2.0]])
    record = Summary.of(scores).record()
    assert record["measures"]["hd95"]["unit"] == unit and record["measures"]["dice"]["unit"] == ""


def test_cases_that_trained_the_network_are_told() -> None:
    summary = Summary.of(table([PERFECT], [HALF]), trained_on=1)
    assert summary.sentence().endswith(" 1 of the images trained the network.")
    assert summary.record()["trained_on"] == 1
    assert "trained" not in Summary.of(table([PERFECT])).sentence()


def test_both_readings_of_ap_at_each_threshold() -> None:
    """One object of which half was found, and one found whole: the half counts at 0.5 for one reading alone."""
    truth, half = np.array([[1, 1, 0, 2]]), np.array([[1, 0, 0, 2]])
    cases = np.empty((2, 1), object)
    cases[0, 0], cases[1, 0] = match_instances(half, truth), match_instances(truth, truth)
    summary = Summary.of(replace(table([PERFECT], [PERFECT]), matches=cases))
    found = summary.ap_by_iou
    assert found is not None and found["iou"] == list(IOU_THRESHOLDS)
    assert found["at_least"] == [1.0] + [(1 / 3 + 1) / 2] * 9 and found["above"] == [(1 / 3 + 1) / 2] * 10
    assert found["at_least_over_data_set"] == [1.0] + [3 / 5] * 9 and found["above_over_data_set"] == [3 / 5] * 10
    assert Summary.of(table([PERFECT])).ap_by_iou is None


def test_several_classes() -> None:
    summary = Summary.of(table([PERFECT, MISSED], [PERFECT, HALF], classes=["liver", "tumour"], spatial_dims=3))
    assert summary.lines["dice_tumour"].mean == 0.25
    assert summary.lines["dice"].mean == pytest.approx((1 + 0.25) / 2)
    assert summary.missed == 1
    assert "over 2 volumes, of the classes liver, tumour (their mean in each) at probability 0.5" in summary.sentence()


def test_the_sentence_says_what_a_paper_must() -> None:
    sentence = Summary.of(table(*[[PERFECT], [HALF]] * 10)).sentence()
    for part in (
        "Mean Dice 0.750",
        "95% bootstrap interval over images 0.",
        "over 20 images",
        "of the foreground at probability 0.5",
        "each image's own size",
        "1 where prediction and truth are both empty",
        "Otsu's threshold: 0.500",
    ):
        assert part in sentence


def test_groups_are_what_the_bootstrap_draws() -> None:
    cases, groups = [[PERFECT], [PERFECT], [HALF], [HALF]], ["a", "a", "b", "b"]
    summary = Summary.of(table(*cases, groups=groups))
    assert summary.lines["dice"].interval == (0.5, 1.0)
    assert "interval over 2 groups of images" in summary.sentence()
    assert "over 2 groups of images" in summary.record()["contract"]["interval"]


def test_the_record_says_of_every_score_what_it_is() -> None:
    record = json.loads(json.dumps(Summary.of(table([PERFECT], [HALF])).record()))
    assert set(record["letters"]) == {"N", "t", "p", "q", "diagonal"} and "objects" not in record["contract"]
    assert {"reduction", "threshold", "maps", "background", "size", "interval", "baseline"} <= set(record["contract"])
    for name, line in record["measures"].items():
        assert line["measure"] == MEASURES[name].title
        assert {"mean", "median", "interval", "baseline", "both_empty", "truth_empty", "prediction_empty"} <= set(line)
    assert record["measures"]["dice"]["mean"] == 0.75
    assert np.isfinite([line["mean"] for line in record["measures"].values()]).all()
