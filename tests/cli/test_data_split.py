"""`monaiseg data split`: what it writes, what it tells, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from monaiseg.cli import main
from monaiseg.data import load_cases, read_split_file

Write = Callable[..., Path]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs: Write) -> Path:
    """Ten pairs and a copy of the first, in a folder from which commands are typed."""
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "data", 10, (96, 96))
    for sub in ("images", "masks"):
        shutil.copy(tmp_path / "data" / sub / "case_00.png", tmp_path / "data" / sub / "twin.png")
    return Path("data")


def run(*arguments: object) -> int:
    return main(["data", "split", *map(str, arguments)])


def test_folds_keep_duplicates_together_and_say_what_to_type(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == "part cases groups mean foreground share".split()
    rows = [line.split() for line in lines[1:6]]
    assert [row[:2] for row in rows] == [["fold", str(k)] for k in range(5)]
    assert sum(int(row[2]) for row in rows) == 11 and sum(int(row[3]) for row in rows) == 10
    assert "kept together: case_00 and twin (exact)" in lines
    assert lines[-1] == (
        "11 cases split by near_duplicates, seed 0, written to split.json; "
        "next: monaiseg train unetpp --data_root data --split split.json --fold 0"
    )
    file = read_split_file("split.json")
    assert file.groups["twin"] == file.groups["case_00"] == "case_00" and file.groups["case_01"] == "case_01"
    assert file.made["by"] == "near_duplicates" and file.made["thresholds"]["near"] == 0.6
    assert len(load_cases("data", split="split.json", fold=4).validation) >= 2


def test_a_folder_that_is_not_there_is_told_before_anything_is_read(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(data / "masks")
    assert run(data, "--output", "nowhere/split.json") == 5
    assert "there is no folder nowhere; make it, or choose another --output" in capsys.readouterr().err


def test_shares_stratified_as_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "--by case --shares 0.5 0.2 0.3 --stratify --seed 7 --output parts.json --json"
    assert run(data, *arguments.split()) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["part"] for row in told["parts"]] == ["train", "validation", "test"]
    assert sum(row["cases"] for row in told["parts"]) == 11
    assert all(0 < row["mean_foreground_share"] < 1 for row in told["parts"])
    file = read_split_file("parts.json")
    assert (told["sha256"], told["layout"]) == (file.sha256(), "images_masks")
    assert file.made["shares"] == [0.5, 0.2, 0.3] and file.made["stratified"] and file.made["seed"] == 7
    assert "thresholds" not in file.made and told["pairs"] == []


def test_the_same_command_writes_the_same_file(data: Path) -> None:
    for name in ("a.json", "b.json"):
        assert run(data, "--stratify", "--output", name) == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()
    assert run(data, "--stratify", "--output", "c.json", "--seed", 1) == 0
    assert read_split_file("a.json").parts != read_split_file("c.json").parts


def test_by_case_folds_are_those_of_a_training(data: Path) -> None:
    assert run(data, "--by", "case", "--seed", 2) == 0
    for fold in range(5):
        by_file, built_in = (
            load_cases("data", fold=fold, **more).validation for more in ({"split": "split.json"}, {"split_seed": 2})
        )
        assert by_file == built_in


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (2, "data --folds 1", "--folds 1: at least 2 are needed"),
        (3, "data --by case --folds 12", "11 groups of cases cannot make 12 parts"),
        (2, "data --shares 0.5 0.6", "--shares 0.5 0.6: write 2 or 3 positive numbers that make 1"),
        (2, "data --seed -1", "--seed is -1"),
        (3, "data --by group", "no case has a group; split --by near_duplicates"),
        (3, "nowhere", "nowhere: no such folder"),
        (2, "data --layout dsb", "layout is 'dsb'"),
        (5, "data --output data/images/twin.png", "is there already"),
    ],
)
def test_what_cannot_be_split_is_one_line(
    data: Path, capsys: pytest.CaptureFixture[str], code: int, arguments: str, message: str
) -> None:
    assert run(*arguments.split()) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not Path("split.json").exists()


def test_a_written_split_is_kept(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--by", "case") == 0
    before = Path("split.json").read_bytes()
    assert run(data, "--by", "case", "--seed", 1) == 5
    assert "split.json: is there already; remove it or choose another --output" in capsys.readouterr().err
    assert Path("split.json").read_bytes() == before


def test_folds_and_shares_exclude_each_other(data: Path) -> None:
    with pytest.raises(SystemExit) as exit_:
        run(data, "--folds", 3, "--shares", 0.5, 0.5)
    assert exit_.value.code == 2


def test_a_few_groups_make_as_many_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs: Write) -> None:
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "data", 3, (96, 96))
    assert run("data") == 0
    assert len(read_split_file("split.json").parts) == 3
