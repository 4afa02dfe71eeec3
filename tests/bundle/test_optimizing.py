"""The keys about optimizer, schedule and precision, in a run and in what follows it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from monaiseg.cli import main

FLAGS = (
    "--arch_options {'features':(4,8)} --epochs 3 --roi_size 32 --batch_size 2 --device cpu --val_interval 1 "
    "--amp float16 --accumulate 2 --clip 0.5 --lr 0.1 --optimizer RMSprop --optimizer_options {'momentum':0.5} "
    "--scheduler multistep --scheduler_options {'milestones':[1],'gamma':0.25}"
).split()


@pytest.mark.slow
def test_a_run_in_float16_is_scored_and_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_pairs(tmp_path / "data", count=8)
    monkeypatch.chdir(tmp_path)
    assert main(["train", "unetpp", "--data_root", str(data), *FLAGS]) == 0
    (run,) = (path.parent for path in tmp_path.glob("runs/*/run.json"))
    facts = json.loads((run / "run.json").read_text())
    assert (facts["config"]["amp"], facts["settings"]["amp"]) == ("float16", "torch.float16")
    with (run / "metrics.csv").open() as file:
        assert [float(row["lr"]) for row in csv.DictReader(file)] == [0.1, 0.025, 0.025]
    last = torch.load(run / "last.pt", weights_only=True)
    assert last["optimizer"]["param_groups"][0]["momentum"] == 0.5 and last["scheduler"]["schedule"]["last_epoch"] == 3
    assert last["scaler"]["scale"] > 0
    capsys.readouterr()
    assert main(["evaluate", "--model", str(run)]) == 0
    assert "difference 0\n" in capsys.readouterr().out
    assert main(["predict", str(data / "images"), "--model", str(run), "--output_dir", "masks"]) == 0
    assert len(list((tmp_path / "masks").glob("*.png"))) == 8


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--amp", "half"], "amp is 'half'; it must be True, False, auto, bfloat16 or float16"),
        (["--optimizer", "LBFGS"], "optimizer is 'LBFGS', which does not fit"),
        (["--optimizer_options", "{'weight_decai':1}"], "AdamW has no option 'weight_decai'; did you mean"),
        (["--optimizer_options", "none"], "optimizer_options is 'none'"),
        (["--scheduler_options", "{'T_max':3}"], "onecycle has no option 'T_max'"),
        (["--scheduler", "cosin"], "scheduler is 'cosin'; did you mean 'cosine'"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_run(
    flags: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs: Any, capsys: Any
) -> None:
    data = write_pairs(tmp_path / "data", count=5)
    monkeypatch.chdir(tmp_path)
    assert main(["train", "unetpp", "--data_root", str(data), "--arch_options", "{'features':(4,8)}", *flags]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.glob("runs/*/run.json"))
