"""Bad input: one clear line that names the file or key and the mend, an exit code, and no data lost."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monaiseg.cli import main

FLAGS = "--arch_options {'features':(2,4)} --epochs 1 --roi_size 32 --batch_size 4 --device cpu".split()


def refused(capsys, code: int, *arguments: str) -> str:
    """Run a training that must fail, and return the one line it ends with."""
    capsys.readouterr()
    assert main(["train", "unetpp", *FLAGS, *arguments]) == code
    lines = capsys.readouterr().err.strip().splitlines()
    errors = [line for line in lines if line.startswith("monaiseg: error: ")]
    assert len(errors) == 1
    assert lines[-1] == errors[0]
    return errors[0]


@pytest.fixture
def data(tmp_path, monkeypatch, write_pairs) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_pairs(tmp_path / "data", count=6)


def test_no_such_folder(data, capsys):
    line = refused(capsys, 3, "--data_root", "nowhere")
    assert "nowhere" in line
    assert "--data_root" in line


def test_empty_folder(data, capsys):
    Path("empty").mkdir()
    assert "empty: the folder is empty; expected" in refused(capsys, 3, "--data_root", "empty")


def test_image_without_mask(data, capsys):
    (data / "masks" / "case_03.png").unlink()
    line = refused(capsys, 3, "--data_root", str(data))
    assert "images/case_03.png: no mask case_03.*" in line
    assert "add it or remove the image" in line


def test_mask_of_another_size(data, capsys):
    Image.new("L", (10, 12)).save(data / "masks" / "case_02.png")
    line = refused(capsys, 3, "--data_root", str(data))
    assert "masks/case_02.png: mask is 12x10" in line
    assert "case_02.png is " in line


def test_unreadable_image(data, capsys):
    path = data / "images" / "case_01.png"
    path.write_bytes(path.read_bytes()[:60])
    assert "images/case_01.png: cannot be read" in refused(capsys, 3, "--data_root", str(data))


def test_mask_that_is_not_two_valued(data, capsys):
    with Image.open(data / "masks" / "case_04.png") as mask:
        size = mask.size
    Image.fromarray(np.random.default_rng(0).integers(0, 255, size[::-1], np.uint8)).save(
        data / "masks" / "case_04.png"
    )
    line = refused(capsys, 3, "--data_root", str(data))
    assert "masks/case_04.png: mask is not two-valued" in line
    assert "write 0 for background and 255 for foreground" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arch", "unetp"], "no network 'unetp' is installed; did you mean 'unetpp'"),
        (["--arch_options", "{'feature':(2,4)}"], "has no option 'feature'; did you mean 'features'"),
        (["--arch", "unet", "--deep_supervision", "True"], "has no deep supervision"),
        (["--epoch", "2"], "--epoch matches nothing in the bundle; did you mean 'epochs'"),
        (["--amp", "false"], "write --amp False"),
        (["--loss", "bce_dise"], "did you mean 'bce_dice'"),
        (
            ["--loss_options", "{'bce_wieght':1}"],
            "loss 'bce_dice' has no option 'bce_wieght'; did you mean 'bce_weight'",
        ),
        (["--loss", "combo", "--loss_options", "{'alpha':7}"], "loss 'combo' refuses its options: alpha is 7"),
        (["--loss_options", "none"], "loss_options is 'none'"),
        (["--optimizer", "Adamw"], "did you mean 'AdamW'"),
        (["--scheduler", "cosin"], "did you mean 'cosine'"),
        (["--augment", "lite"], "augment is 'lite'"),
        (["--layout", "dsb"], "layout is 'dsb'"),
        (["--fold", "7"], "fold is 7"),
        (["--lr", "fast"], "lr is the text 'fast', not a number"),
        (["--epochs", "0"], "epochs is 0"),
        (["--batch_size", "1.5"], "batch_size is 1.5"),
        (["--roi_size", "[32]"], "roi_size is [32]"),
        (["--device", "cuda:99"], "device is 'cuda:99'"),
        (["--in_channels", "2"], "channels; set --in_channels"),
        (["--out_channels", "2"], "set --out_channels 1"),
        (["--spatial_dims", "3"], "set --spatial_dims"),
    ],
)
def test_wrong_settings(data, capsys, arguments, message):
    line = refused(
        capsys, 3 if "channels" in arguments[0] or "dims" in arguments[0] else 2, "--data_root", str(data), *arguments
    )
    assert message in line


def test_a_wrong_setting_leaves_no_run_behind(data, capsys):
    refused(capsys, 2, "--data_root", str(data), "--arch", "unetp")
    assert not Path("runs").exists()


def test_output_that_cannot_be_a_folder(data, capsys):
    Path("taken").write_text("mine")
    line = refused(capsys, 5, "--data_root", str(data), "--output_dir", "taken")
    assert "taken" in line
    assert "--output_dir" in line
    assert Path("taken").read_text() == "mine"


def test_full_disk(data, tmp_path, small_disk, capsys):
    disk = small_disk(tmp_path / "disk", "300k")
    line = refused(
        capsys, 5, "--data_root", str(data), "--output_dir", str(disk), "--arch_options", "{'features':(16,32)}"
    )
    assert str(disk) in line
    assert "No space left on device" in line
    assert not list(disk.glob("*/.*.part"))
