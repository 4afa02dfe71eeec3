"""Scores: Dice and IoU against a direct reckoning, and what they refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ignite.engine import Engine

from monaiseg.errors import ConfigError
from monaiseg.metrics import CaseScore, CaseScores, score_masks

Bools = npt.NDArray[np.bool_]
SHAPES = [(1, 6, 5), (3, 4, 5), (2, 3, 4, 2)]


def reckon(prediction: Bools, truth: Bools) -> tuple[float, float]:
    """Dice and IoU from sets of coordinates."""
    dice, iou = [], []
    for p, t in zip(prediction, truth, strict=True):
        a, b = set(zip(*np.nonzero(p), strict=True)), set(zip(*np.nonzero(t), strict=True))
        dice.append(2 * len(a & b) / (len(a) + len(b)) if a | b else 1.0)
        iou.append(len(a & b) / len(a | b) if a | b else 1.0)
    return float(np.mean(dice)), float(np.mean(iou))


def masks(*rows: Sequence[int]) -> torch.Tensor:
    """One class a row: bool [K, 1, W]."""
    return torch.tensor(rows, dtype=torch.bool)[:, None]


def batch(names: list[str], **kinds: torch.Tensor) -> dict[str, Any]:
    return {"id": names, **kinds}


def scored(*outputs: dict[str, Any]) -> tuple[CaseScores, dict[str, float]]:
    """Run an engine over some outputs, as a validation does."""
    scores = CaseScores()
    engine = Engine(lambda engine, output: output)
    scores.attach(engine, "dice")
    return scores, engine.run(list(outputs)).metrics


@given(st.sampled_from(SHAPES).flatmap(lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape))))
def test_dice_and_iou_are_those_of_sets(pair: tuple[Bools, Bools]) -> None:
    prediction, truth = pair
    given_ = score_masks(torch.from_numpy(prediction), torch.from_numpy(truth))
    assert given_ == pytest.approx(reckon(prediction, truth))
    assert score_masks(torch.from_numpy(truth), torch.from_numpy(prediction)) == given_


@pytest.mark.parametrize(
    ("prediction", "truth", "dice", "iou"),
    [
        ([0, 0, 0], [0, 0, 0], 1, 1),
        ([0, 0, 0], [0, 1, 0], 0, 0),
        ([0, 1, 0], [0, 0, 0], 0, 0),
        ([0, 1, 0], [0, 1, 0], 1, 1),
        ([1, 1, 0], [0, 1, 1], 1 / 2, 1 / 3),
    ],
)
def test_by_hand(prediction: list[int], truth: list[int], dice: float, iou: float) -> None:
    assert score_masks(masks(prediction), masks(truth)) == pytest.approx((dice, iou))


def test_classes_count_alike() -> None:
    """A class of one pixel that is missed weighs as much as one of four that is found, and as one that is not there."""
    prediction, truth = masks([1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]), masks([1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0])
    assert score_masks(prediction, truth) == pytest.approx((2 / 3, 2 / 3))


def test_a_large_volume_does_not_lose_count() -> None:
    """float32 counts to 2^24 only."""
    truth = torch.ones(1, 300, 300, 200, dtype=torch.bool)
    prediction = truth.clone()
    prediction[0, 0, 0, 0] = False
    assert 1 - score_masks(prediction, truth)[1] == pytest.approx(1 / truth.numel(), rel=1e-6)


def test_sizes_must_be_equal() -> None:
    with pytest.raises(ConfigError, match=r"prediction is \(1, 4, 5\) and truth \(1, 5, 4\); they must be equal"):
        score_masks(torch.ones(1, 4, 5, dtype=torch.bool), torch.ones(1, 5, 4, dtype=torch.bool))


def test_an_engine_gets_the_means_over_cases_of_any_size() -> None:
    """Two cases in one batch and a larger one in the next; a probability of exactly a half is background."""
    first = batch(
        ["a", "b"],
        pred=torch.tensor([[[[0.9, 0.51, 0.5]]], [[[0.0, 0.2, 0.4]]]]),
        label=torch.tensor([[[[0, 1, 1]]], [[[0, 0, 0]]]], dtype=torch.uint8),
        baseline=torch.tensor([[[[0, 1, 1]]], [[[1, 0, 0]]]], dtype=torch.uint8),
    )
    second = batch(
        ["c"],
        pred=torch.ones(1, 1, 4, 5),
        label=torch.ones(1, 1, 4, 5, dtype=torch.uint8),
        baseline=torch.zeros(1, 1, 4, 5, dtype=torch.uint8),
    )
    scores, metrics = scored(first, second)
    assert scores.rows == [
        CaseScore("a", 0.5, pytest.approx(1 / 3), 1.0, 1.0),
        CaseScore("b", 1.0, 1.0, 0.0, 0.0),
        CaseScore("c", 1.0, 1.0, 0.0, 0.0),
    ]
    expected = {"dice": 2.5 / 3, "iou": (1 / 3 + 2) / 3, "baseline_dice": 1 / 3, "baseline_iou": 1 / 3}
    assert metrics == pytest.approx(expected)


def test_each_epoch_starts_anew() -> None:
    ones = torch.ones(1, 1, 2, 2)
    scores = CaseScores()
    engine = Engine(lambda engine, output: output)
    scores.attach(engine, "dice")
    wrong = batch(["a"], pred=0 * ones, label=ones, baseline=ones)
    right = batch(["a"], pred=ones, label=ones, baseline=ones)
    assert engine.run([wrong]).metrics["dice"] == 0
    assert engine.run([right]).metrics["dice"] == 1
    assert len(scores.rows) == 1


@pytest.mark.parametrize("wrong", [-0.01, 1.01, 7.0, -7.0, float("nan")])
def test_logits_are_refused(wrong: float) -> None:
    ones = torch.ones(1, 1, 2, 2)
    with pytest.raises(ConfigError, match="pred must hold probabilities between 0 and 1, not logits or NaN"):
        CaseScores().update((["a"], torch.tensor([[[[0.5, wrong]]]]), ones[..., :1, :], ones[..., :1, :]))


@pytest.mark.parametrize("value", [255, 2])
def test_labels_of_255_are_refused(value: int) -> None:
    ones = torch.ones(1, 1, 2, 2)
    with pytest.raises(ConfigError, match="label must hold zeros and ones"):
        CaseScores().update((["a"], ones, (value * ones).byte(), ones))


def test_no_case_has_no_score() -> None:
    with pytest.raises(ConfigError, match="no case was scored; is the validation set empty"):
        CaseScores().compute()
