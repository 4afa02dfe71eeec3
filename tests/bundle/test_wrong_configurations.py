"""Configurations that are wrong: refused before there is a run, in one line that names the key and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from monaiseg.bundle.checked import check_file
from monaiseg.bundle.shipped import find_bundle
from monaiseg.cli import main
from monaiseg.cli.running import parse_overrides
from monaiseg.errors import MonaisegError

SMALL = ["--roi_size", "32", "--arch_options", "{'features':(4,8)}", "--epochs", "1", "--device", "cpu"]

WITHOUT_DATA = {
    "--epoch 1": "--epoch matches nothing in the bundle; did you mean 'epochs'?",
    "--train#trainer#max_epoch 3": "did you mean 'max_epochs'?",
    "--amp false": "amp is the text 'false'; write --amp False",
    "--compile true": "compile is the text 'true'; write --compile True",
    "--encoder null": "encoder is the text 'null'; write --encoder none",
    "--split None": "split is None; write --split none",
    "--freeze yes": "freeze is 'yes'; it must be True or False",
    "--lr 1e-3x": "lr is the text '1e-3x', not a number",
    "--lr 0": "lr is 0; it must be above 0",
    "--epochs 2.5": "epochs is 2.5; it must be a whole number from 1",
    "--batch_size four": "batch_size is 'four'; it must be a whole number from 1",
    "--roi_size [32,32,32] --spatial_dims 2": "roi_size is [32, 32, 32]; it must be auto, a number, or 2 of them",
    "--roi_size 4 --batch_size 1 --arch unetpp:unetpp --arch_options {}": "use a larger batch_size or roi_size",
    "--arch unetp": "no network 'unetp' is installed; did you mean 'unetpp'",
    "--arch nobody:net": "no network 'nobody:net' is installed; pip install the package that has the plugin 'nobody'",
    "--arch_options {'feature':(4,8)}": "has no option 'feature'; did you mean 'features'",
    "--arch_options 7": "arch_options is 7; it must be a mapping",
    "--encoder resnet19 --arch_options {}": "no encoder 'resnet19' is installed; did you mean",
    "--deep_supervision always": "deep_supervision is 'always'; it must be True, False or auto",
    "--loss dize": "loss is 'dize'; ",
    "--loss_options {'alfa':1}": "has no option 'alfa'; ",
    "--optimizer Adan": "optimizer is 'Adan'; did you mean",
    "--optimizer_options {'weight_decai':1}": "has no option 'weight_decai'; did you mean 'weight_decay'",
    "--scheduler cosin": "scheduler is 'cosin'; did you mean 'cosine'?",
    "--scheduler_options {'T_max':3}": "has no option 'T_max'",
    "--device gpu": "device is 'gpu', which cannot be used here",
    f"--device {10**30}": f"device is {10**30}, which cannot be used here: Overflow",
    "--augment heavy": "augment is 'heavy'; there is",
    "--foreground_crops 2": "foreground_crops is 2; it must be a share from 0 to 1",
    "--image_size [0,64]": "image_size is 0; it must be a whole number from 1",
    "--overlap 1.5": "overlap is 1.5; it must be a number from 0 to below 1",
    "--accumulate 0": "accumulate is 0; it must be a whole number from 1",
    "--clip -1": "clip is -1; it must be a number from 0",
    "--seed -1": "seed is -1; it must be a whole number from 0",
    "--val_interval 0": "val_interval is 0; it must be a whole number from 1",
    "--early_stopping -2": "early_stopping is -2; it must be a whole number from 0",
    "--checkpoint_minutes -1": "checkpoint_minutes is -1; it must be a number from 0",
    "--channels_last 1": "channels_last is 1; it must be True, False or auto",
    "--spatial_dims 4": "spatial_dims is 4; it must be 2 or 3",
    "--instances ['edge']": "instances is ['edge']; there is",
    "--unreadable ignore": "unreadable is 'ignore'; it must be error or skip",
    "--generated cells": "generated is 'cells'",
    "--split nosplit.json": "split nosplit.json: cannot be read",
    "--layout kaggle": "layout is 'kaggle'; there is",
    "--num_workers -1": "num_workers is -1; it must be a whole number from 0",
    "--resume last": "resume is 'last': no run.json in it; give none, auto or the folder of a run",
    "--output_dir taken/x": "taken/x: cannot be created",
    "--fold -1": "fold is -1; ",
    "--split_seed -1": "split_seed is -1; it must be a whole number from 0",
    "--classes 7": "classes is 7",
    "--out_channels 0": "out_channels is 0; it must be auto or a whole number from 1",
    "--seed 4294967296": "seed is 4294967296; it must be a whole number from 0 to 4294967295",
    "--pretrained nofile.pt --encoder resnet18 --arch_options {}": "nofile.pt: there is no such file",
    "--arch_options {1:2}": "has no option 1",
    "--train#trainer#decollate false": "train#trainer#decollate is the text 'false'; write it without quotes",
    "--data_root nowhere": "data_root nowhere: no such folder; give an existing one with --data_root",
    "--data_root ~nobody-here/x": "data_root ~nobody-here/x: no such folder; give an existing one with --data_root",
    f"--data_root {'9' * 300}": "no such folder; give an existing one with --data_root",
    "--split 5": "split 5: cannot be read (No such file or directory); make one with monaiseg data split",
    f"--batch_size {10**30}": f"cannot be trained, {10**30} a batch (it is too large: ",
}
"""What nobody needs data to see, by the flags."""

WITH_DATA = {
    "--data_root empty": "empty: the folder is empty; expected one of",
    "--fold 9": "fold is 9; with 8 cases it must be between 0 and 4",
    "--spacing 1.0": "spacing is 1.0, but pictures have none; give --image_size instead",
    "--spatial_dims 3": "set --spatial_dims 2",
    "--in_channels 2": "set --in_channels 3",
    "--out_channels 5": "set --out_channels 1",
}


ONLY_RUNNING = {
    "--config_file mine.yaml": "--config_file is an option of python -m monai.bundle run",
    "--output_dir /proc/x": "/proc/x: cannot be created",
}
"""What `bundle check` has no such option for, and what nobody knows before trying it."""


@pytest.fixture(autouse=True)
def around(here) -> None:
    (here / "empty").mkdir()
    (here / "taken").touch()


@pytest.mark.parametrize("flags", [*WITHOUT_DATA, *WITH_DATA, *ONLY_RUNNING])
def test_training_refuses_it(flags, capsys):
    assert main(["train", "unetpp", "--data_root", "data", *SMALL, *flags.split()]) in (2, 3, 5)
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("monaiseg: error: ") and {**WITHOUT_DATA, **WITH_DATA, **ONLY_RUNNING}[flags] in line
    assert not list(Path().glob("runs/*/run.json"))


@pytest.mark.parametrize("flags", [*WITHOUT_DATA, *WITH_DATA])
def test_the_check_of_a_bundle_refuses_it_without_running(flags):
    given = ["--data_root", "data"] if flags in WITH_DATA else []
    overrides = parse_overrides([*SMALL, *given, *flags.split()])
    with pytest.raises(MonaisegError) as refused:
        check_file(find_bundle("unetpp") / "train.yaml", overrides)
    assert {**WITHOUT_DATA, **WITH_DATA}[flags] in str(refused.value) and "\n" not in str(refused.value)
    assert not Path("runs").exists()


def test_the_check_of_a_bundle_lets_pass_what_can_be_trained():
    overrides = parse_overrides([*SMALL, "--data_root", "data", "--output_dir", "a/b", "--encoder", "none"])
    assert check_file(find_bundle("unetpp") / "train.yaml", overrides)
    assert not Path("a").exists()


@pytest.mark.parametrize(
    ("mistake", "line"),
    [
        ("lr: 0.002", "lr is the text '1e-3', not a number; in YAML write 1.0e-3, not 1e-3"),
        ("seed: 0", "seed is the text '1e-3', not a number"),
        ("clip: 0.0", "clip is the text '1e-3', not a number"),
    ],
)
def test_numbers_that_yaml_reads_as_text(mistake, line, tmp_path, capsys):
    mine = tmp_path / "mine"
    assert main(["bundle", "copy", "unetpp", str(mine)]) == 0
    text = (mine / "train.yaml").read_text()
    assert mistake in text
    (mine / "train.yaml").write_text(text.replace(mistake, f"{mistake.split(':')[0]}: 1e-3"))
    for command in (["train", str(mine)], ["bundle", "check", str(mine)]):
        assert main(command) == 2
        assert line in capsys.readouterr().err


@pytest.mark.parametrize("run_id", ["trainning", "validate", "epochs"])
def test_a_run_id_that_runs_nothing(run_id):
    from monaiseg.bundle import GuardedWorkflow
    from monaiseg.errors import ConfigError

    with pytest.raises(ConfigError, match="runs nothing"):
        GuardedWorkflow(str(find_bundle("unetpp") / "train.yaml"), run_id=run_id)
