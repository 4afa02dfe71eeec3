"""Runs by a split file: trained on its parts, evaluated on the same cases, whatever became of the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from monaiseg.bundle import shipped_bundles
from monaiseg.cli import main
from monaiseg.data import read_split_file

Write = Callable[..., Path]
SMALL = "--arch_options {'features':(2,4)} --epochs 1 --roi_size 32 --batch_size 4 --device cpu --amp False".split()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs: Write) -> Path:
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "data", 10, (64, 64))
    return tmp_path / "data"


def train(*arguments: str) -> Path:
    before = set(Path("runs").glob("*/run.json")) if Path("runs").exists() else set()
    assert main(["train", "unetpp", "--data_root", "data", *SMALL, *arguments]) == 0
    (record,) = set(Path("runs").glob("*/run.json")) - before
    return record.parent


def split(*arguments: str) -> None:
    assert main(["data", "split", "data", "--by", "case", "--seed", "5", *arguments]) == 0


def scored(run: Path, *arguments: str) -> list[str]:
    """Evaluate and return the ids that were scored."""
    for folder in run.glob("evaluation-*"):
        shutil.rmtree(folder)
    assert main(["evaluate", "--model", str(run), *arguments]) == 0
    (table,) = run.glob("evaluation-*/cases.csv")
    return [line.partition(",")[0] for line in table.read_text().splitlines()[1:]]


def test_a_run_by_folds_is_evaluated_on_its_own_fold(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split("--folds", "3")
    file = read_split_file("split.json")
    run = train("--split", "split.json", "--fold", "2")
    record = json.loads((run / "split.json").read_text())
    assert record["validation"] == file.parts["fold 2"] and record["split_sha256"] == file.sha256()
    facts = json.loads((run / "run.json").read_text())
    assert facts["config"]["split"] == "split.json" and facts["data"]["split_sha256"] == file.sha256()
    assert "file" not in facts["data"] and facts["near_duplicates"]["validation_cases"] == 0
    Path("split.json").unlink()  # the run has its own copy
    capsys.readouterr()
    assert scored(run) == file.parts["fold 2"]
    assert "difference 0\n" in capsys.readouterr().out
    assert scored(run, "--fold", "0") == file.parts["fold 0"]
    assert "difference" not in capsys.readouterr().out


def test_a_run_by_shares_can_be_scored_on_its_test_part(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split("--shares", "0.5", "0.2", "0.3", "--output", "parts.json")
    file = read_split_file("parts.json")
    run = train("--split", "parts.json")
    record = json.loads((run / "split.json").read_text())
    assert (record["train"], record["validation"]) == (file.parts["train"], file.parts["validation"])
    assert scored(run) == file.parts["validation"]
    assert scored(run, "--fold", "test") == file.parts["test"]


def test_a_run_by_folds_has_no_test_part(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split("--folds", "3")
    run = train("--split", "split.json")
    assert main(["evaluate", "--model", str(run), "--fold", "test"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert "split.json has folds 0 to 2: give one of them, or split with monaiseg data split --shares" in line


@pytest.mark.parametrize("parts", [("train", "validation", "test"), ("train", "test")])
def test_a_set_that_comes_with_a_test_part_can_be_scored_on_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_pairs: Write,
    capsys: pytest.CaptureFixture[str],
    parts: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, part in enumerate(parts):
        write_pairs(Path("data") / part, 6 - number, (64, 64))
    run = train()
    assert scored(run, "--fold", "test") == [f"case_{number:02d}" for number in range(7 - len(parts))]
    capsys.readouterr()
    assert main(["evaluate", "--model", str(run)]) == 0
    assert "trained the run" not in capsys.readouterr().out, "ids are alike in both parts, files are not"
    assert main(["evaluate", "--model", str(run), "--data_root", "data"]) == 0
    trained = len(json.loads((run / "split.json").read_text())["train"])
    assert f"{trained} of these {sum(range(7 - len(parts), 7))} cases trained the run" in capsys.readouterr().out
    (Path("data/train/images/case_00.png")).unlink()
    (Path("data/train/masks/case_00.png")).unlink()
    assert main(["evaluate", "--model", str(run), "--fold", "test"]) == 3


def test_without_a_test_part_there_is_none_to_score(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train()
    assert main(["evaluate", "--model", str(run), "--fold", "test"]) == 2
    assert "has no test part (only all)" in capsys.readouterr().err


def test_monais_name_for_the_folder_does_as_well(data: Path, tmp_path: Path) -> None:
    assert main(["train", "unetpp", "--dataset_dir", "data", *SMALL]) == 0
    (record,) = Path("runs").glob("*/split.json")
    assert json.loads(record.read_text())["root"] == str(data)


def test_another_run_can_have_the_split_of_a_run(data: Path) -> None:
    split("--folds", "3")
    first = train("--split", "split.json")
    second = train("--split", str(first / "split.json"), "--fold", "1")
    assert (
        json.loads((second / "split.json").read_text())["validation"] == read_split_file("split.json").parts["fold 1"]
    )


def test_changed_files_are_not_scored(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split()
    run = train("--split", "split.json")
    for sub in ("images", "masks"):
        shutil.copy(data / sub / "case_00.png", data / sub / "more.png")
    assert main(["evaluate", "--model", str(run)]) == 3
    assert "case more of the data is in no part" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (2, "--split nowhere.json", "nowhere.json: cannot be read"),
        (2, "--split parts.json --fold test", "fold is the text 'test', not a number"),
        (2, "--split split.json --fold 3", "fold is 3; of split.json it must be between 0 and 2"),
    ],
)
def test_wrong_settings_are_one_line(
    data: Path, capsys: pytest.CaptureFixture[str], code: int, arguments: str, message: str
) -> None:
    split("--folds", "3")
    split("--shares", "0.5", "0.2", "0.3", "--output", "parts.json")
    capsys.readouterr()
    assert main(["train", "unetpp", "--data_root", "data", *SMALL, *arguments.split()]) == code
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("monaiseg: error")]
    assert message in line
    assert not Path("runs").exists()


def test_a_leak_is_told_at_the_start_and_recorded(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split("--folds", "2", "--output", "a.json")
    one, other = (read_split_file("a.json").parts[f"fold {fold}"][0] for fold in (0, 1))
    for sub in ("images", "masks"):
        shutil.copy(data / sub / f"{one}.png", data / sub / f"{other}.png")
    split("--folds", "2", "--output", "b.json")
    run = train("--split", "b.json")
    leaks = json.loads((run / "run.json").read_text())["near_duplicates"]
    assert leaks == {"validation_cases": 1, "pairs": [[one, other]]}
    assert "WARNING: 1 of 5 validation cases have near duplicates" in capsys.readouterr().err
    split_again = ["data", "split", "data", "--by", "near_duplicates", "--folds", "2", "--output", "c.json"]
    assert main(split_again) == 0
    assert json.loads((train("--split", "c.json") / "run.json").read_text())["near_duplicates"]["pairs"] == []
    assert "near duplicates" not in capsys.readouterr().err


def test_every_bundle_takes_a_split_file() -> None:
    for bundle in shipped_bundles().values():
        config = yaml.safe_load((bundle / "train.yaml").read_text())
        assert config["split"] == "none" and config["cases"]["split"] == "@split"
