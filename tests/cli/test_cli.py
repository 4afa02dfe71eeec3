"""The command: options, exit codes, listings."""

import json
import re

import pytest

from monaiseg.bundle import find_bundle
from monaiseg.cli import main
from monaiseg.cli.running import parse_overrides
from monaiseg.errors import ConfigError

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")


def test_overrides_are_read_as_python_literals():
    text = ["--epochs", "2", "--lr=1e-3", "--roi_size", "[64, 64]", "--amp", "False", "--arch", "unet", "--x", "-1"]
    expected = {"epochs": 2, "lr": 1e-3, "roi_size": [64, 64], "amp": False, "arch": "unet", "x": -1}
    assert parse_overrides(text) == expected


@pytest.mark.parametrize("arguments", [["epochs", "2"], ["--epochs"], ["--"]])
def test_overrides_that_are_none(arguments):
    with pytest.raises(ConfigError, match="--"):
        parse_overrides(arguments)


def test_networks_as_json(capsys):
    assert main(["networks", "--json"]) == 0
    rows = {row["network"]: row for row in json.loads(capsys.readouterr().out)}
    assert {"unet", "unetpp", "unetpp_half"} <= set(rows)
    assert rows["unetpp"]["deep_supervision"] is True
    assert rows["unetpp"]["spatial_dims"] == [2, 3]


def test_encoders_and_blocks_as_json(capsys):
    assert main(["encoders", "--json"]) == 0
    assert [row["encoder"] for row in json.loads(capsys.readouterr().out)].count("resnet34") == 1
    assert main(["blocks", "--json"]) == 0
    roles = {row["block"]: row["role"] for row in json.loads(capsys.readouterr().out)}
    assert roles["double_conv"] == roles["residual_cbam"] == "unit"
    assert roles["cbam"] == "attention"


@pytest.mark.parametrize("encoder", [None, "resnet18", "all"])
def test_the_table_of_costs(encoder, capsys, monkeypatch):
    monkeypatch.setattr("monaiseg.cost._latency", lambda build, shape: 1.0)  # twenty networks take a minute to time
    flags = [] if encoder is None else ["--encoder", encoder]
    assert main(["networks", "--table", "--json", "--size", "64", *flags]) == 0
    rows = {(row["network"], row["encoder"]): row for row in json.loads(capsys.readouterr().out)}
    assert {name for _, name in rows} == (
        {"none"} if encoder is None else {"resnet18"} if encoder == "resnet18" else {"none", *RESNETS}
    )
    assert (("residual_unetpp", "none") in rows) == (encoder is None), "it takes no encoder"
    unet = rows["unet", "none" if encoder is None else "resnet18"]
    assert unet["parameters"] == (31_037_633 if encoder is None else 14_328_209)
    assert unet["size divisor"] == (16 if encoder is None else 32)
    assert unet["GMACs"] > 0 and unet["activations MiB"] > 0 and unet["origin"].startswith("monaiseg ")


def test_the_table_measures_time(capsys):
    assert main(["networks", "--table", "--json", "--size", "32", "--encoder", "resnet18"]) == 0
    assert all(row["latency ms"] > 0 for row in json.loads(capsys.readouterr().out))


def test_the_table_refuses_an_unknown_encoder(capsys):
    assert main(["networks", "--table", "--encoder", "resnet19"]) == 2
    assert "did you mean 'resnet18'" in capsys.readouterr().err


def test_plugins_as_json(capsys):
    assert main(["plugins", "--json"]) == 0
    rows = {row["plugin"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["unet"]["status"] == "loaded"
    assert rows["unet"]["distribution"] == "monaiseg"


def test_tables_keep_a_row_a_line(capsys):
    assert main(["networks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("unetpp_half ")][0].rstrip().endswith("mixed images")


def test_bundle_list_and_copy(tmp_path, capsys):
    assert main(["bundle", "list", "--json"]) == 0
    assert "unetpp" in {row["bundle"] for row in json.loads(capsys.readouterr().out)}
    assert main(["bundle", "copy", "unetpp", str(tmp_path / "mine")]) == 0
    assert (tmp_path / "mine" / "train.yaml").is_file()
    assert main(["bundle", "copy", "unetpp", str(tmp_path / "mine")]) == 5
    assert "is there already" in capsys.readouterr().err


def test_an_unknown_bundle_is_told(capsys):
    assert main(["train", "unetp"]) == 2
    assert "did you mean 'unetpp'" in capsys.readouterr().err


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("monaiseg ")
    assert main([]) == 2
    assert "Exit codes" in capsys.readouterr().out


@pytest.mark.parametrize(("command", "file"), [("evaluate", "evaluate"), ("predict", "inference")])
def test_the_help_names_every_key_of_the_bundle(command, file, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    told = set(re.findall(r"--(\w+)|(FOLDER)", capsys.readouterr().out))
    text = (find_bundle("unetpp") / f"{file}.yaml").read_text().partition("\ninitialize:")[0]
    keys = set(re.findall(r"^(\w+):", text, re.MULTILINE)) - {"bundle_root", "runs_dir", "input_dir"}
    assert keys - {"output_dir"} <= {name for name, _ in told}


def test_unknown_arguments_of_a_listing_are_refused(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["networks", "--jsn"])
    assert exit_.value.code == 2


def test_an_unforeseen_error_is_one_line(monkeypatch, capsys):
    from monaiseg.cli import listing

    def broken():
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(listing, "registry", broken)
    assert main(["networks"]) == 1
    assert capsys.readouterr().err == "monaiseg: error: RuntimeError: two lines (--debug shows where)\n"
    with pytest.raises(RuntimeError):
        main(["--debug", "networks"])
