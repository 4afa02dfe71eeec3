"""All shipped bundles: the same keys and the same wiring, other values."""

import json
import shutil

import pytest
import yaml
from monai.bundle import ConfigParser

from monaiseg._registry import registry
from monaiseg.bundle import shipped_bundles
from monaiseg.bundle.shipped import OVERLAY
from monaiseg.cli import main

BUNDLES = shipped_bundles()
FIRST = BUNDLES["unetpp"]
WIRING = "\n# What is built from them."
SMALL = "--epochs 1 --image_size 32 --batch_size 4 --device cpu --amp False".split()
NARROW = {
    "hippocampus": "{'features':(4,8)}",
    "residual_unetpp": "{'features':(8,16)}",
    "resnet_unet": "{'encoder_options':{'widths':(16,16,24,32)}}",
    "resunetpp": "{'features':(4,8,16),'bridge_rates':(1,1,1,2),'output_rates':(1,1,2,2)}",
    "unet3p": "{'features':(4,8),'cat_channels':4}",
}


def halves(bundle: str) -> tuple[str, str]:
    keys, wiring = (BUNDLES[bundle] / "train.yaml").read_text().split(WIRING)
    return keys, wiring


def test_there_is_one_for_each_recipe():
    assert set(BUNDLES) == {"hippocampus", "residual_unetpp", "resnet_unet", "resunetpp", "unet3p", "unetpp"}


@pytest.mark.parametrize("bundle", BUNDLES)
def test_what_differs_stands_in_the_first_part(bundle):
    keys, wiring = halves(bundle)
    first_keys, first_wiring = halves("unetpp")
    assert wiring == first_wiring, "copy the second part of bundles/unetpp/train.yaml"
    assert list(yaml.safe_load(keys)) == list(yaml.safe_load(first_keys))


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("name", ["evaluate.yaml", "inference.yaml", "logging.conf"])
def test_the_other_files_differ_by_the_name_alone(bundle, name):
    first = (FIRST / name).read_text().replace("bundles/unetpp", f"bundles/{bundle}")
    assert (BUNDLES[bundle] / name).read_text() == first, f"copy bundles/unetpp/{name}"


@pytest.mark.parametrize("file", ["train.yaml", "evaluate.yaml", "inference.yaml"])
def test_the_overlay_changes_how_they_begin_and_nothing_else_of_it(file):
    """Whatever the owner of a bundle has put into `initialize`."""
    alone = ConfigParser.load_config_file(str(FIRST / file))
    both = ConfigParser.load_config_files([str(FIRST / file), str(FIRST.parent / OVERLAY)])
    assert both["initialize"] == alone["initialize"] and alone["initialize"][0] == "@begin"
    assert both["begin"] == {"_target_": "monaiseg.bundle.begin_together", "device": "@device"}
    assert alone["begin"] == {"_target_": "monaiseg.bundle.one_line_errors"} and "device" in alone


@pytest.mark.parametrize("bundle", BUNDLES)
def test_values_name_what_is_shipped(bundle):
    values = yaml.safe_load(halves(bundle)[0])
    assert values["bundle_root"] == f"bundles/{bundle}"
    # With its plugin: a stranger's network of the same name must not stop the bundle.
    _, network = values["arch"].split(":")
    assert registry().find("network", values["arch"]).spec.name == network
    if values["encoder"] != "none":
        assert registry().find("encoder", values["encoder"]).qualified == values["encoder"]
    meta = json.loads((BUNDLES[bundle] / "metadata.json").read_text())
    assert meta["name"] == bundle
    assert values["generated"] in meta["data_source"]


@pytest.mark.parametrize("bundle", NARROW)
def test_it_trains_is_scored_and_predicts(bundle, tmp_path, monkeypatch, write_pairs, capsys):
    data = write_pairs(tmp_path / "data", count=6)
    shutil.copytree(BUNDLES[bundle], tmp_path / "bundles" / bundle)
    monkeypatch.chdir(tmp_path)
    arguments = ["--data_root", str(data), "--arch_options", NARROW[bundle], *SMALL]
    assert main(["train", f"bundles/{bundle}", *arguments]) == 0
    (run,) = (path.parent for path in tmp_path.glob("runs/*/run.json"))
    facts = json.loads((run / "run.json").read_text())
    assert facts["config"]["loss"] == yaml.safe_load(halves(bundle)[0])["loss"]
    capsys.readouterr()
    assert main(["evaluate", "--model", str(run)]) == 0
    assert "difference 0\n" in capsys.readouterr().out
    assert main(["predict", str(data / "images"), "--model", str(run), "--output_dir", "masks"]) == 0
    assert len(list((tmp_path / "masks").glob("*.png"))) == 6
