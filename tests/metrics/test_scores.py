"""The metric: what an engine's outputs come to, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from touching import SLICES, balls, thick_slices, told

from monaiseg.data.classes import Classes
from monaiseg.engine.score_text import as_text
from monaiseg.errors import ConfigError
from monaiseg.instances import InstancePlan, ObjectDecoder
from monaiseg.metrics import MEASURES, CaseScores, Summary
from monaiseg.metrics.saliency import saliency_scores
from monaiseg.metrics.surface import surface_scores

TWO = Classes("values", ("liver", "tumour"), ((1,), (2,)))


def batch(names: list[str], pred: torch.Tensor, label: torch.Tensor, baseline: torch.Tensor) -> dict[str, Any]:
    spacing = torch.ones(len(names), pred.ndim - 2)
    return {"id": names, "pred": pred, "label": label.byte(), "baseline": baseline.byte(), "spacing": spacing}


def only(*parts: Any) -> tuple[dict[str, Any]]:
    return (batch(*parts),)


def scored(*outputs: dict[str, Any], scores: CaseScores | None = None) -> tuple[CaseScores, dict[str, float]]:
    """Run an engine over some outputs, as a validation does."""
    scores = scores or CaseScores()
    engine = Engine(lambda engine, output: output)
    scores.attach(engine, "dice")
    return scores, engine.run(list(outputs)).metrics


def drawn(seed: int, shape: Sequence[int] = (1, 1, 20, 24)) -> dict[str, Any]:
    """A case with a blob for truth, probabilities about it, and another blob for the baseline."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(shape, generator=generator)
    truth = torch.zeros(shape)
    truth[..., 4:15, 5:17] = 1
    return batch([f"case{seed}"], (0.6 * truth + 0.4 * noise).clamp(0, 1), truth, truth.roll(3, -1))


def test_an_engine_gets_the_means_over_cases_of_any_size() -> None:
    """Two cases in one batch and a larger one in the next; a probability of exactly a half is background."""
    first = batch(
        ["a", "b"],
        torch.tensor([[[[0.9, 0.51, 0.5]]], [[[0.0, 0.2, 0.4]]]]),
        torch.tensor([[[[0, 1, 1]]], [[[0, 0, 0]]]]),
        torch.tensor([[[[0, 1, 1]]], [[[1, 0, 0]]]]),
    )
    second = batch(["c"], torch.ones(1, 1, 4, 5), torch.ones(1, 1, 4, 5), torch.zeros(1, 1, 4, 5))
    scores, metrics = scored(first, second)
    assert scores.table is not None
    rows = list(scores.table.rows())
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert [row["dice"] for row in rows] == [0.5, 1.0, 1.0]
    assert [row["baseline_iou"] for row in rows] == [1.0, 0.0, 0.0]
    expected = {"dice": 2.5 / 3, "iou": (1 / 3 + 2) / 3, "baseline_dice": 1 / 3, "baseline_iou": 1 / 3}
    assert {key: metrics[key] for key in expected} == pytest.approx(expected)
    assert "hd95" not in metrics, "a training is not slowed by it"


def test_classes_that_exclude_each_other_are_scored_as_they_are_written() -> None:
    """Both above a half at the middle pixel: the liver, which is more probable, has it."""
    pred = torch.tensor([[[[0.9, 0.8, 0.1]], [[0.2, 0.7, 0.9]]]])
    label = torch.tensor([[[[1, 1, 0]], [[0, 0, 1]]]])
    _, metrics = scored(batch(["a"], pred, label, label), scores=CaseScores(TWO))
    assert (metrics["dice_liver"], metrics["dice_tumour"]) == (1.0, 1.0)
    _, metrics = scored(batch(["a"], pred, label, label), scores=CaseScores(Classes("masks", ("liver", "tumour"))))
    assert metrics["dice_tumour"] == pytest.approx(2 / 3)


def test_every_measure_that_fits_pictures() -> None:
    """Each is that of its own function, on the case it belongs to, for the network and for the baseline."""
    cases = [drawn(seed) for seed in range(5)]
    scores, metrics = scored(*cases, scores=CaseScores(measures="auto"))
    assert scores.table is not None
    fitting = {name for name, measure in MEASURES.items() if 2 in measure.spatial_dims and measure.needs != "instances"}
    assert set(scores.table.values) == fitting == set(scores.table.baseline)
    for row, case in zip(scores.table.rows(), cases, strict=True):
        p, t, b = (case[key][0, 0].numpy() for key in ("pred", "label", "baseline"))
        assert row["s_measure"] == saliency_scores(p, t > 0).s_measure
        assert row["baseline_weighted_f"] == saliency_scores(b.astype(np.float32), t > 0).weighted_f
        assert row["hd95"] == surface_scores(p > 0.5, t > 0, 2.0).hd95
    assert metrics["mae"] == pytest.approx(np.mean([row["mae"] for row in scores.table.rows()]))


def test_distances_of_volumes_are_in_mm() -> None:
    case = drawn(0, (1, 1, 6, 20, 24))
    case["spacing"] = torch.tensor([[5.0, 0.5, 0.5]])
    scores, _ = scored(case, scores=CaseScores(measures=["hd95", "nsd"]))
    assert scores.table is not None
    (row,) = scores.table.rows()
    p, t = (case[key][0, 0].numpy() for key in ("pred", "label"))
    assert (row["hd95"], row["nsd"]) == tuple(surface_scores(p > 0.5, t > 0, 1.0, (5.0, 0.5, 0.5)))
    assert set(scores.table.values) == {"dice", "iou", "hd95", "nsd"}


def test_distances_of_slices_are_in_pixels_whatever_their_headers_say() -> None:
    case = drawn(0)
    expected, _ = scored(case, scores=CaseScores(measures=["hd95", "nsd"]))
    found, _ = scored(case | {"spacing": torch.tensor([[0.7, 0.8]])}, scores=CaseScores(measures=["hd95", "nsd"]))
    assert expected.table is not None and found.table is not None
    assert list(found.table.rows()) == list(expected.table.rows())


def test_the_tolerance_of_nsd_can_be_told_and_is_recorded() -> None:
    case = drawn(0, (1, 1, 6, 20, 24))
    p, t = (case[key][0, 0].numpy() for key in ("pred", "label"))
    for tolerance, used in (("auto", 1.0), (2.5, 2.5)):
        scores, _ = scored(case, scores=CaseScores(measures=["nsd"], nsd_tolerance=tolerance))
        assert scores.table is not None
        assert scores.table.values["nsd"][0, 0] == surface_scores(p > 0.5, t > 0, used).nsd
        assert Summary.of(scores.table).record()["nsd_tolerance"] == used
        assert f"within {used:g} mm" in as_text(Summary.of(scores.table))
    for wrong in (0, -1, "2", None, True, math.inf, math.nan):
        with pytest.raises(ConfigError, match=r"nsd_tolerance is .*; write auto, or pixels or mm above 0"):
            CaseScores(nsd_tolerance=wrong)  # type: ignore[arg-type]


def test_an_error_of_the_thread_names_its_case() -> None:
    """Three cases of sound channels, then one that lacks them: the error comes later, or at the end."""
    cases = [told_objects(seed)[0] for seed in (0, 1, 2)]
    wrong = cases[1] | {"id": ["wrong"], "channels": cases[1]["channels"][:, :1]}
    decode = ObjectDecoder(InstancePlan(("border", "distance"), "border"))
    with pytest.raises(ConfigError, match=r"wrong: channels are "):
        scored(cases[0], wrong, cases[2], scores=CaseScores(measures="auto", objects=decode))


def test_the_order_of_results_is_that_of_the_cases() -> None:
    """A large case first, whose measures are ready last."""
    cases = [drawn(0, (1, 1, 400, 400)), *(drawn(seed) for seed in range(1, 9))]
    scores, _ = scored(*cases, scores=CaseScores(measures=["s_measure"]))
    assert scores.table is not None
    for row, case in zip(scores.table.rows(), cases, strict=True):
        p, t = (case[key][0, 0].numpy() for key in ("pred", "label"))
        assert row["s_measure"] == saliency_scores(p, t > 0).s_measure


def test_each_epoch_starts_anew() -> None:
    ones = torch.ones(1, 1, 2, 2)
    scores = CaseScores(measures="auto")
    engine = Engine(lambda engine, output: output)
    scores.attach(engine, "dice")
    assert engine.run([batch(["a"], 0 * ones, ones, ones)]).metrics["dice"] == 0
    assert engine.run([batch(["a"], ones, ones, ones)]).metrics["dice"] == 1
    assert scores.table is not None and len(scores.table) == 1


def test_groups_of_ids() -> None:
    scores = CaseScores(groups={"case0": "video", "case1": "video"})
    scored(*(drawn(seed) for seed in range(3)), scores=scores)
    assert scores.table is not None and scores.table.groups == ["video", "video", "case2"]


@pytest.mark.parametrize("wrong", [-0.01, 1.01, 7.0, -7.0, float("nan")])
def test_logits_are_refused(wrong: float) -> None:
    ones = torch.ones(1, 1, 1, 2)
    scores = CaseScores()
    scores.update(only(["a"], torch.tensor([[[[0.5, wrong]]]]), ones, ones))
    with pytest.raises(ConfigError, match="pred must hold probabilities between 0 and 1, not logits or NaN"):
        scores.compute()


@pytest.mark.parametrize("value", [255, 2])
def test_labels_of_255_are_refused(value: int) -> None:
    ones = torch.ones(1, 1, 2, 2)
    scores = CaseScores()
    scores.update(only(["a"], ones, value * ones, ones))
    with pytest.raises(ConfigError, match="label must hold zeros and ones"):
        scores.compute()


def test_sizes_must_be_equal() -> None:
    with pytest.raises(ConfigError, match=r"prediction is \(1, 1, 4, 5\) and truth \(1, 1, 5, 4\); they must be equal"):
        CaseScores().update(only(["a"], torch.ones(1, 1, 4, 5), torch.ones(1, 1, 5, 4), torch.ones(1, 1, 5, 4)))


def test_no_case_has_no_score() -> None:
    with pytest.raises(ConfigError, match="no case was scored; is the validation set empty"):
        CaseScores().compute()


@pytest.mark.parametrize(
    ("measures", "message"),
    [
        ("all", "measures is 'all'; write auto, overlap, or a list"),
        (["dice", "hd59"], "there is no 'hd59'.*hd95"),
        ([], "write auto, overlap, or a list"),
    ],
)
def test_measures_are_checked(measures: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CaseScores(measures=measures)


def test_a_measure_of_pictures_is_refused_for_volumes() -> None:
    """At the first of them, and not as if it were this volume's fault."""
    scores = CaseScores(measures=["s_measure"])
    with pytest.raises(ConfigError, match=r"^measures: s_measure is not for images of 3 dimensions; leave it out$"):
        scores.update((drawn(0, (1, 1, 4, 20, 24)),))


def told_objects(seed: int) -> tuple[dict[str, Any], Any]:
    """Three balls of which two touch, one of them missed by the network, and what its channels tell."""
    ids = balls((40, 48), ((12, 12), 8), ((12, 26), 7), ((30, 20 + seed), 6))
    probabilities, channels = told(np.where(ids == 3, 0, ids) if seed else ids)
    case = batch(
        [f"case{seed}"],
        torch.from_numpy(probabilities)[None],
        torch.from_numpy(ids > 0)[None, None],
        torch.from_numpy(ids > 1)[None, None],
    )
    return case | {"instances": torch.from_numpy(ids)[None, None], "channels": torch.from_numpy(channels)[None]}, ids


@pytest.mark.parametrize(
    ("decoder", "tp", "fp", "fn"), [("border", (3, 2), (0, 0), (0, 1)), ("components", (2, 1), (0, 0), (1, 2))]
)
def test_objects_are_decoded_and_matched(decoder: str, tp: Any, fp: Any, fn: Any) -> None:
    """Of the second case the third ball is missed; of two that touch components find the larger one alone."""
    cases = [told_objects(seed)[0] for seed in (0, 1)]
    decode = ObjectDecoder(InstancePlan(("border", "distance"), decoder))
    scores, _ = scored(*cases, scores=CaseScores(measures="auto", objects=decode))
    assert scores.table is not None
    assert scores.table.values["ap50"][:, 0].tolist() == [t / (t + p + n) for t, p, n in zip(tp, fp, fn, strict=True)]
    pooled = Summary.of(scores.table).over_data_set["ap50"]
    assert pooled == pytest.approx(sum(tp) / (sum(tp) + sum(fp) + sum(fn)))
    assert scores.table.baseline["ap50"][:, 0].tolist() == [2 / 3, 2 / 3], "Otsu's mask has two balls, apart"


def test_objects_of_a_network_without_channels() -> None:
    case, _ = told_objects(0)
    del case["channels"]
    scores, _ = scored(
        case, scores=CaseScores(measures=["pq"], objects=ObjectDecoder(InstancePlan(decoder="watershed")))
    )
    assert scores.table is not None and scores.table.values["pq"][0, 0] > 0.9


def test_objects_of_thick_slices_are_told_apart_by_millimetres() -> None:
    ids = torch.from_numpy(thick_slices())[None, None]
    case = batch(["a"], (ids > 0).float(), ids > 0, ids > 0) | {"instances": ids, "spacing": torch.tensor([SLICES])}
    scores, _ = scored(
        case, scores=CaseScores(measures=["ap50"], objects=ObjectDecoder(InstancePlan(decoder="watershed")))
    )
    assert scores.table is not None and scores.table.values["ap50"][0, 0] == 1


def test_measures_of_objects_need_objects() -> None:
    assert "ap50" not in CaseScores(measures="auto", objects=ObjectDecoder(InstancePlan())).measures.wanted(
        "instances", 2
    )
    with pytest.raises(
        ConfigError, match="ap50 is of objects, which this run does not tell apart; train with --instances"
    ):
        CaseScores(measures=["ap50"])
