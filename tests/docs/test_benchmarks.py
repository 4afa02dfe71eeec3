"""The benchmarks run, and keep what they found before."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = "import json; from benchmarks.__main__ import machine; print(json.dumps({**machine('cpu'), 'quick': True}))"
MEASURED = json.loads((ROOT / "benchmarks" / "measured.json").read_text())["rows"]
NETWORKS = list(dict.fromkeys(row["name"] for row in MEASURED["default"] if row["section"] == "networks"))
APART = """
import json, sys, torch
from benchmarks.networks import WORKS, difference
from benchmarks.pairs import PLAIN
torch.manual_seed(0)
ours, theirs = (side.double() for side in PLAIN[sys.argv[1]].make())
x = torch.rand(1, 3, *((32,) * 3 if "3D" in sys.argv[1] else (64,) * 2)).double()
print(json.dumps([difference(ours, theirs, x, work) for work in WORKS]))
"""
ELSEWHERE = {"section": "networks", "name": "X-Net", "against": "Y-Net", "work": "training", "precision": "float32"}


def python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_section_is_measured_and_others_stay_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    kept = {**ELSEWHERE, "milliseconds": 1.0, "ratio": 2.345}
    path.write_text(json.dumps({"machine": json.loads(python("-c", HERE)), "rows": {"default": [kept]}}))
    told = python("-m", "benchmarks", "--quick", "--only", "windows", "--output", str(path))
    assert "X-Net" in told and "2.35" in told
    rows = json.loads(path.read_text())["rows"]
    assert [row["section"] for row in rows["default"]] == ["networks"] + ["windows"] * 6
    assert all(row["error"] == 0 for row in rows["tuned"] if row["precision"] == "float32")


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_both_sides_compute_the_same_and_have_the_same_gradients(name: str) -> None:
    """In float64, over maps that are large enough for the cheaper ways."""
    evaluation, training = json.loads(python("-c", APART, name))
    assert evaluation <= 1e-12 and training <= 1e-11


def test_figures_of_another_machine_are_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text(json.dumps({"machine": {"processor": "another"}, "rows": {}}))
    arguments = [sys.executable, "-m", "benchmarks", "--quick", "--output", str(path)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    cause = f"{path} is of another machine or torch, or of --quick; name another --output"
    assert done.stderr == f"benchmarks: error: {cause}\n"


def test_the_readme_has_the_table_that_was_measured() -> None:
    show = "from pathlib import Path; from benchmarks.rows import read, table"
    show += "; print(table(read(Path('benchmarks/measured.json'))[0]))"
    told = python("-c", show).strip()
    assert told.count("\n") > 30
    assert told in (ROOT / "README.md").read_text()
