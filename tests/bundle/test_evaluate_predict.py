"""A trained run is scored as training scored it, and its masks score the same outside monaiseg."""

import csv
import json
import shutil

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image

from monaiseg.bundle import TrainedRun
from monaiseg.cli import main
from monaiseg.errors import ConfigError


def test_evaluation_equals_training(trained, capsys):
    assert main(["evaluate", "--model", str(trained.run)]) == 0
    assert "difference 0\n" in capsys.readouterr().out
    folder = max(trained.run.glob("evaluation-*"))
    ours, its = (list(csv.DictReader((home / "cases.csv").open())) for home in (folder, trained.run))
    assert [{key: row[key] for key in its[0]} for row in ours] == its
    scores, before = (json.loads((home / "scores.json").read_text())["measures"] for home in (folder, trained.run))
    assert {name: scores[name] for name in before} == before
    assert {"hd95", "nsd", "s_measure", "e_mean", "weighted_f", "mae"} <= set(scores) - set(before)


def test_evaluation_of_another_fold_expects_nothing(trained, capsys):
    assert main(["evaluate", "--model", str(trained.run), "--fold", "1"]) == 0
    assert "difference" not in capsys.readouterr().out


def test_masks_score_the_same_outside(trained, tmp_path):
    output = tmp_path / "masks"
    assert (
        main(["predict", str(trained.data / "images"), "--model", str(trained.run), "--output_dir", str(output)]) == 0
    )
    for row in csv.DictReader((trained.run / "cases.csv").open()):
        mask = np.asarray(Image.open(output / f"{row['id']}.png")) > 0
        truth = np.asarray(Image.open(trained.data / "masks" / f"{row['id']}.png")) > 0
        assert mask.shape == truth.shape
        total = mask.sum() + truth.sum()
        dice = 2 * (mask & truth).sum() / total if total else 1.0
        assert dice == pytest.approx(float(row["dice"]), abs=1e-6)


def test_mixed_sizes_and_modes_each_get_a_mask_of_their_own_size(trained, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    sizes = {"a": (33, 70), "b": (128, 20), "c": (64, 64), "d": (5, 9)}
    for (name, size), mode in zip(sizes.items(), ("RGB", "L", "RGBA", "P")):
        Image.effect_noise(size, 50).convert("RGB").convert(mode).save(images / f"{name}.png")
    assert main(["predict", str(images), "--model", str(trained.run), "--output_dir", str(tmp_path / "out")]) == 0
    found = {path.stem: Image.open(path) for path in (tmp_path / "out").iterdir()}
    assert {name: mask.size for name, mask in found.items()} == sizes
    assert all(set(np.unique(np.asarray(mask))) <= {0, 255} for mask in found.values())


def test_masks_are_never_overwritten(trained, tmp_path, capsys):
    (tmp_path / "case_00.png").write_bytes(b"mine")
    arguments = ["predict", str(trained.data / "images"), "--model", str(trained.run), "--output_dir", str(tmp_path)]
    assert main(arguments) == 5
    assert "case_00.png: is there already" in capsys.readouterr().err
    assert (tmp_path / "case_00.png").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_resized_training_still_writes_masks_at_own_size(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = "--arch_options {'features':(4,8)} --epochs 1 --image_size [32,48] --roi_size 16 --batch_size 4".split()
    assert main(["train", "unetpp", "--data_root", str(trained.data), *options]) == 0
    assert main(["predict", str(trained.data / "images")]) == 0
    for mask in (tmp_path / "predictions").iterdir():
        assert Image.open(mask).size == Image.open(trained.data / "images" / mask.name).size


def test_volumes_train_and_predict_by_flags_alone(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    affine = np.diag([2.0, 1.0, 1.0, 1.0])
    for name in ("images", "masks"):
        (tmp_path / "vol" / name).mkdir(parents=True)
    for i in range(3):
        mask = np.zeros((20, 24, 18), np.uint8)
        mask[4 + i : 12, 5:15, 3:11] = 1
        image = rng.normal(size=mask.shape).astype(np.float32) + 3 * mask
        nibabel.save(nibabel.Nifti1Image(image, affine), tmp_path / "vol" / "images" / f"v{i}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(mask, affine), tmp_path / "vol" / "masks" / f"v{i}.nii.gz")
    monkeypatch.chdir(tmp_path)
    flags = "--spatial_dims 3 --in_channels 1 --arch_options {'features':(2,4)} --epochs 1 --roi_size 16".split()
    assert main(["train", "unetpp", "--data_root", "vol", *flags]) == 0
    assert main(["predict", "vol/images"]) == 0
    written = nibabel.load(tmp_path / "predictions" / "v0.nii.gz")
    assert written.shape == (20, 24, 18)
    assert np.array_equal(written.affine, affine)


def test_where_scores_are_written_is_not_asked_for(trained, tmp_path, capsys):
    assert main(["evaluate", "--model", str(trained.run), "--output_dir", str(tmp_path / "scores")]) == 2
    assert "output_dir is where the newest run is looked for, and --model names one" in capsys.readouterr().err


def test_no_run_is_told(tmp_path):
    with pytest.raises(ConfigError, match="no run with a model"):
        TrainedRun("auto", str(tmp_path))
    with pytest.raises(ConfigError, match=r"no model\.pt in it"):
        TrainedRun(str(tmp_path))


def test_damaged_weights_are_told(trained, tmp_path):
    for name in ("run.json", "split.json", "config.yaml"):
        (tmp_path / name).write_text((trained.run / name).read_text())
    (tmp_path / "model.pt").write_bytes(b"no weights")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        TrainedRun(str(tmp_path)).network()
    torch.save({"other": torch.zeros(1)}, tmp_path / "model.pt")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        TrainedRun(str(tmp_path)).network()


def test_changed_files_are_not_scored_as_if_they_were_the_runs(trained, tmp_path, capsys, write_pairs):
    """One more image would move the folds, and training cases would validate."""
    data = write_pairs(tmp_path / "data", count=10)
    run = tmp_path / "run"
    shutil.copytree(trained.run, run)
    split = json.loads((run / "split.json").read_text())
    (run / "split.json").write_text(json.dumps(split | {"root": str(data)}))
    assert main(["evaluate", "--model", str(run)]) == 0
    write_pairs(tmp_path / "data", count=11)
    assert main(["evaluate", "--model", str(run)]) == 3
    assert "its files have changed since the training" in capsys.readouterr().err


def test_another_folder_is_scored_whole(trained, tmp_path, capsys, write_pairs):
    data = write_pairs(tmp_path / "other", count=3)
    assert main(["evaluate", "--model", str(trained.run), "--data_root", str(data)]) == 0
    assert "(3 cases)" in capsys.readouterr().out


def test_two_images_of_one_stem_are_refused(trained, tmp_path, capsys):
    for suffix in ("png", "jpg"):
        Image.new("RGB", (20, 20)).save(tmp_path / f"a.{suffix}")
    assert main(["predict", str(tmp_path), "--model", str(trained.run), "--output_dir", str(tmp_path / "out")]) == 3
    assert "has the same stem" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_several_classes_train_predict_and_must_agree(tmp_path, monkeypatch, capsys, write_pairs):
    monkeypatch.chdir(tmp_path)
    for name in ("nucleus", "border"):
        write_pairs(tmp_path / "data", count=5)
        (tmp_path / "data" / "masks").rename(tmp_path / name)
    (tmp_path / "data" / "masks").mkdir()
    for name in ("nucleus", "border"):
        (tmp_path / name).rename(tmp_path / "data" / "masks" / name)
    flags = ["--arch_options", "{'features':(2,4)}", "--epochs", "1", "--roi_size", "16"]
    assert main(["train", "unetpp", "--data_root", "data", *flags]) == 0
    assert main(["predict", "data/images"]) == 0
    assert len(list((tmp_path / "predictions").glob("case_00_*.png"))) == 2
    shutil.copytree(tmp_path / "data", tmp_path / "other")
    (tmp_path / "other" / "masks" / "nucleus").rename(tmp_path / "other" / "masks" / "cell")
    capsys.readouterr()
    assert main(["evaluate", "--data_root", "other"]) == 3
    assert "has the classes border, cell, the run border, nucleus" in capsys.readouterr().err


def test_cases_that_trained_the_run_are_told_and_are_not_tuned_on(trained, capsys):
    """Of another fold all are; of the whole folder those that did not validate it; of its own fold none."""
    for arguments, told in (
        ([], None),
        (["--fold", "1"], "2 of these 2"),
        (["--data_root", str(trained.data)], "8 of"),
    ):
        assert main(["evaluate", "--model", str(trained.run), *arguments, "--measures", "overlap"]) == 0
        out = capsys.readouterr().out
        assert ("trained the run" in out) is (told is not None)
        if told:
            assert f"WARNING: {told}" in out
            written = sorted(trained.run.glob("evaluation-*/scores.json"))[-1]
            assert "of them trained the run" in json.loads(written.read_text())["data"]
            assert main(["evaluate", "--model", str(trained.run), *arguments, "--tune", "True"]) == 2
            assert "trained the run, so that thresholds would suit them alone" in capsys.readouterr().err


def test_one_set_at_a_time_is_tuned_on(trained, capsys):
    arguments = ["--data_root", "same", str(trained.data), "--tune", "True"]
    assert main(["evaluate", "--model", str(trained.run), *arguments]) == 2
    assert "data_root names 2 sets; tune on one" in capsys.readouterr().err
    assert not list(trained.run.glob("instances.json"))
