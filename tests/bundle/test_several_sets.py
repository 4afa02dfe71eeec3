"""One run on several sets, in one command."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from metrics.tables import HALF, PERFECT, table
from PIL import Image

from monaiseg.bundle.several_sets import sets_as_text
from monaiseg.cli import main
from monaiseg.metrics import Summary


@pytest.fixture
def other(tmp_path: Path, write_pairs: Any) -> Path:
    return Path(write_pairs(tmp_path / "other", count=4))


def test_each_set_is_scored_as_alone_and_the_table_has_all(
    trained: SimpleNamespace, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--model", str(trained.run), "--data_root", str(other)]) == 0
    alone = capsys.readouterr().out
    assert (
        main(["evaluate", "--model", str(trained.run), "--data_root", "same", str(other), "--measures", "overlap"]) == 0
    )
    out = capsys.readouterr().out
    (file,) = trained.run.glob("sets-*.csv")
    first, second = csv.DictReader(file.open())
    assert (first["set"], first["cases"], second["set"], second["cases"]) == ("same", "2", str(other), "4")
    assert "difference 0\n" in out
    assert f"Dice {float(second['dice']):.6f}" in alone, "the set alone scores the same"
    assert float(second["dice_low"]) <= float(second["dice"]) <= float(second["dice_high"])
    assert "s_measure" not in second
    assert {"over_data_set_dice", "over_batches_iou", "dice_median"} <= set(second)
    assert (second["unit_of_distances"], second["trained_on"], first["groups"]) == ("pixels", "0", "2")
    shown = next(line for line in out.splitlines() if line.startswith(f"{other} ") and "(" in line)
    assert f"{float(second['dice']):.4f}" in shown and f"{float(second['baseline_dice']):.4f}" in shown


def test_a_set_that_cannot_be_used_costs_the_others_nothing(
    trained: SimpleNamespace, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    for part in ("images", "masks"):
        (broken / part).mkdir(parents=True)
        Image.new("L", (8, 8 if part == "images" else 9)).save(broken / part / "a.png")
    arguments = ["evaluate", "--model", str(trained.run), "--data_root", str(broken), str(other)]
    assert main([*arguments, "--measures", "overlap"]) == 3
    captured = capsys.readouterr()
    assert "a.png" in captured.err and "monaiseg: error" in captured.err
    assert "4 cases" in captured.out and str(broken) in captured.out
    rows = [row["set"] for file in trained.run.glob("sets-*.csv") for row in csv.DictReader(file.open())]
    assert str(other) in rows and str(broken) not in rows


def test_a_repeated_option_adds_a_set_and_classes_are_said_of_the_others(
    trained: SimpleNamespace, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--model", str(trained.run), "--data_root", "same", "--data_root", str(other)]
    assert main([*arguments, "--measures", "overlap", "--layout", "images_masks", "--classes", "instances"]) == 0
    out = capsys.readouterr().out
    assert "\nsame\n" in out and f"\n{other}\n" in out
    assert "difference 0\n" in out, "its own cases are read as they were for the training"


def test_sets_that_trained_the_run_are_told() -> None:
    text = sets_as_text({"a": Summary.of(table([PERFECT], [HALF]), trained_on=1)})
    assert "2, 1 of them trained on" in text


def test_sets_with_other_measures_share_a_table() -> None:
    volumes = Summary.of(table([HALF], [PERFECT], spatial_dims=3))
    text = sets_as_text({"a": Summary.of(table([PERFECT])), "much/longer": volumes}).splitlines()
    assert text[0].split() == ["set", "cases", "Dice", "(95", "%)", "Otsu's", "iou", "precision", "recall"]
    assert text[1].split()[:3] == ["a", "1", "1.0000"]
    assert text[2].split()[:6] == ["much/longer", "2", "0.7500", "(0.500", "to", "1.000)"]
