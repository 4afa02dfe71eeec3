"""MONAI's own command, unmodified: training, evaluating, inferring, and an error in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from monaiseg.bundle import shipped_bundles

BUNDLE = shipped_bundles()["unetpp"]
FLAGS = ["--arch_options", "{'features':(4,8)}", "--roi_size", "32", "--batch_size", "4", "--device", "cpu"]


def monai(folder: Path, run_id: str, config: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monai.bundle", "run", run_id, "--config_file", str(BUNDLE / config), *flags]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_three_commands(tmp_path, write_pairs):
    write_pairs(tmp_path / "data", count=6)
    done = monai(tmp_path, "training", "train.yaml", "--data_root", "data", "--epochs", "2", *FLAGS)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert yaml.safe_load((run / "config.yaml").read_text())["epochs"] == 2
    facts = json.loads((run / "run.json").read_text())
    assert facts["config"]["epochs"] == 2
    last = done.stdout.strip().splitlines()[-4:]
    assert "validation Dice" in last[0]
    assert "Otsu's threshold: Dice" in last[0]
    assert last[1].startswith("95 % interval   Dice ")
    assert last[2].split() == ["run", "folder", str(run.relative_to(tmp_path))]
    assert f"monaiseg predict FOLDER --model {run.relative_to(tmp_path)}" in last[3]

    done = monai(tmp_path, "evaluating", "evaluate.yaml")
    assert done.returncode == 0, done.stderr
    assert "difference 0\n" in done.stdout

    done = monai(tmp_path, "inferring", "inference.yaml", "--input_dir", "data/images")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "predictions").glob("case_*.png"))) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--amp", "false"],
            "monaiseg: error: amp is 'false'; it must be True, False, auto, bfloat16 or float16;",
        ),
        (["--data_root", "nowhere"], "monaiseg: error: data_root nowhere: no such folder; give an existing one"),
        (
            ["--workflow_name", "monaiseg.bundle.GuardedWorkflow", "--epoch", "1"],
            "monaiseg: error: --epoch matches nothing in the bundle; did you mean 'epochs'?",
        ),
    ],
)
def test_an_error_is_the_last_line_and_there_is_no_traceback(tmp_path, flags, message):
    done = monai(tmp_path, "training", "train.yaml", *flags)
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].startswith(message)
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("runs/*/run.json"))
