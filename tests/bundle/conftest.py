"""One small run, trained once in this process, that the tests of this folder look at."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from monaiseg.cli import main

SMALL = (
    "--arch_options {'features':(4,8,16)} --epochs 2 --roi_size 32 --batch_size 4 --lr 0.01 --device cpu --amp False "
    "--val_interval 1"
).split()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, write_pairs) -> SimpleNamespace:
    """Train a small UNet++ for two epochs on ten pairs: `root`, `run` (its folder), `data`."""
    root = tmp_path_factory.mktemp("trained")
    data = write_pairs(root / "data", count=10)
    here = Path.cwd()
    os.chdir(root)
    try:
        assert main(["train", "unetpp", "--data_root", str(data), *SMALL]) == 0
    finally:
        os.chdir(here)
    (run,) = (path for path in (root / "runs").iterdir() if (path / "run.json").exists())
    return SimpleNamespace(root=root, run=run, data=data)
