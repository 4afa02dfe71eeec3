"""Scores as text."""

from __future__ import annotations

from metrics.tables import EMPTY, HALF, MISSED, PERFECT, table

from monaiseg.engine.score_text import as_text, details, scored, versus
from monaiseg.metrics import Summary

BETTER, WORSE = Summary.of(table([PERFECT], [HALF])), Summary.of(table([HALF], [MISSED]))


def test_a_network_below_the_threshold_is_said_to_be() -> None:
    assert versus(WORSE) == "NOT BETTER than Otsu's threshold: Dice 0.5000, IoU 0.3333"
    assert versus(BETTER) == "Otsu's threshold: Dice 0.5000, IoU 0.3333"
    assert scored(BETTER) == "Dice 0.7500, IoU 0.6667 (2 cases)"


def test_the_end_of_a_training_tells_intervals_and_classes() -> None:
    (line,) = details(Summary.of(table([PERFECT], [PERFECT], [HALF])))
    assert line.startswith("95 % interval   Dice 0.5000 to 1.0000; +0.0000 to +0.5000 against Otsu's")
    (line,) = details(Summary.of(table([PERFECT, HALF], classes=["liver", "tumour"])))
    assert line == "by class        Dice liver 1.0000, tumour 0.5000"


def test_the_table_has_a_line_a_measure_and_says_what_was_empty() -> None:
    lines = as_text(Summary.of(table([PERFECT], [MISSED], [EMPTY], [HALF]))).splitlines()
    (dice,) = (line.split() for line in lines if line.startswith("Dice "))
    assert dice[:2] == ["Dice", "0.6250"] and dice[-2:] == ["0.7500", "0.5000"]
    empty = next(line for line in lines if line.startswith("empty masks: "))
    assert "a class is nowhere in the truth of 1 image; " in empty
    assert "; not a pixel was found of a class that is there in 1 image" in empty
    assert lines[-1].startswith("Mean Dice 0.625")


def test_classes_are_columns() -> None:
    lines = as_text(Summary.of(table([PERFECT, HALF], [HALF, HALF], classes=["liver", "b"]))).splitlines()
    head = next(line for line in lines if line.startswith("measure"))
    (dice,) = (line for line in lines if line.startswith("Dice"))
    places = [head.index(name) for name in ("mean", "liver", " b")]
    assert [dice[at:].split()[0] for at in places] == ["0.6250", "0.7500", "0.5000"]
