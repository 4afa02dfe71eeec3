"""What is only there on a GPU: trainings, their resumption and their scores, batch norm over processes."""

from __future__ import annotations

import copy
import csv
import json
import os
import signal
import socket
from pathlib import Path

import pytest
import torch
from interrupted import Training, only_run
from torch import nn

from monaiseg import build_network
from monaiseg.cli import main
from monaiseg.engine import Settings, WholeOrWindowInferer, join_ranks, leave_ranks, parallel

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

FLAGS = (
    "unetpp --data_root data --arch_options {'features':(8,16)} --epochs 4 --roi_size 32 --batch_size 2 --lr 0.01 "
    "--val_interval 1 --device cuda"
).split()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, write_pairs) -> Path:
    monkeypatch.chdir(tmp_path)
    write_pairs(Path("data"), count=8)
    return tmp_path


@pytest.mark.parametrize("amp", ["False", "bfloat16", "float16"])
def test_a_training_is_scored_there_as_on_the_processor(amp):
    assert main(["train", *FLAGS, "--amp", amp]) == 0
    run = only_run(Path())
    assert main(["evaluate", "--model", str(run), "--device", "cpu"]) == 0
    (scores,) = run.glob("evaluation-*/scores.json")
    there = json.loads((run / "run.json").read_text())["best"]["dice"]
    assert json.loads(scores.read_text())["measures"]["dice"]["mean"] == pytest.approx(there, abs=0.02)


@pytest.mark.parametrize("amp", ["False", "float16"])
def test_an_interrupted_training_goes_on(amp, here):
    """Some kernels add in another order each time, so that curves agree, and bits need not."""
    assert main(["train", *FLAGS, "--amp", amp, "--output_dir", "whole"]) == 0
    training = Training(here, ["train", *FLAGS, "--amp", amp])
    training.wait(lambda: "epoch 2" in training.log)
    assert training.kill(signal.SIGTERM) in (75, 0), training.log
    run = only_run(Path())
    if json.loads((run / "run.json").read_text())["status"] == "interrupted":
        assert main(["resume", str(run)]) == 0
    (whole,) = Path("whole").glob("*/metrics.csv")
    for row, other in zip(csv.DictReader((run / "metrics.csv").open()), csv.DictReader(whole.open()), strict=True):
        assert float(row["lr"]) == pytest.approx(float(other["lr"]), rel=1e-9)
        assert float(row["train_loss"]) == pytest.approx(float(other["train_loss"]), abs=0.05)


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_windows_are_those_of_the_processor(spatial_dims):
    network = build_network("unetpp_small", spatial_dims=spatial_dims, in_channels=1, out_channels=2).eval()
    image = torch.rand(1, 1, *[40] * spatial_dims)
    inferer = WholeOrWindowInferer([32] * spatial_dims, whole=1)
    with torch.no_grad():
        expected = inferer(image, network)
        found = inferer(image.cuda(), copy.deepcopy(network).cuda()).cpu()
    assert torch.allclose(found, expected, atol=1e-3)


def test_batch_norm_over_one_process_is_plain_batch_norm(monkeypatch):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    place = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    for key, value in place.items():
        monkeypatch.setitem(os.environ, key, value)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).cuda()
    shared = copy.deepcopy(plain)
    join_ranks()
    try:
        together = parallel(shared, Settings(spatial_dims=2, device="cuda"))
        assert isinstance(shared[1], nn.SyncBatchNorm) and list(shared.state_dict()) == list(plain.state_dict())
        for _ in range(3):
            image = torch.rand(4, 3, 8, 8, device="cuda")
            assert torch.allclose(together(image), plain(image), atol=1e-5)
    finally:
        leave_ranks()
    assert torch.allclose(shared[1].running_var, plain[1].running_var, atol=1e-5)
