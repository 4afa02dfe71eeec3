"""`monaiseg check`: its table, its JSON, its exit codes."""

import json
import subprocess
import sys

import pytest
from strangers import NET, entry_module, on_path, spec, write_distribution

from monaiseg.cli import main

SIGMOID = "\n\ndef build_sigmoid(**o):\n    return nn.Sequential(build(**o), nn.Sigmoid())\n"
QUICK = ["--only", "builds", "logits", "tiny"]


@pytest.fixture(scope="module", autouse=True)
def strangers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strangers")
    specs = [
        spec("Network", "toy", "toy_net:build", "tiny={'width': 2}"),
        spec("Network", "toy_sigmoid", "toy_net:build_sigmoid"),
        spec("Network", "toy_expected", "toy_net:build_sigmoid", "expected_failures={'logits': 'by design'}"),
        spec("Block", "toy", "toy_net:build", "role='context'"),
    ]
    modules = {"toy_net.py": NET + SIGMOID, "toy_entry.py": entry_module(*specs)}
    write_distribution(folder, "toy-dist", entry_points={"toy": "toy_entry"}, modules=modules)
    with on_path(folder):
        yield


def test_a_network_that_conforms(capsys):
    assert main(["check", "toy", "--kind", "network", "--spatial_dims", "2", *QUICK]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines[1:-1]] == [[f"{c}-2d", "passed"] for c in ("builds", "tiny", "logits")]
    assert lines[-1] == "network 'toy': 3 passed"
    assert "error" not in err


def test_a_broken_promise_is_exit_code_1_and_one_line(capsys):
    assert main(["check", "toy_sigmoid", "--spatial_dims", "2", *QUICK]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "network 'toy_sigmoid': 1 passed, 1 skipped, 1 failed"
    error = "monaiseg: error: network 'toy_sigmoid' breaks 1 promise: logits-2d: all of evaluation is between 0 and 1"
    assert error in err.splitlines()[-1]


def test_json(capsys):
    assert main(["check", "toy_sigmoid", "--json", *QUICK, "--skip", "builds-3d"]) == 1
    rows = {(row["check"], row["spatial_dims"]): row for row in json.loads(capsys.readouterr().out)}
    status = {key: row["status"] for key, row in rows.items()}
    assert status == {
        ("builds", 2): "passed",
        ("tiny", 2): "skipped",
        ("tiny", 3): "skipped",
        ("logits", 2): "failed",
        ("logits", 3): "failed",
    }
    assert rows["logits", 2].keys() == {"check", "spatial_dims", "status", "message", "promise", "seconds"}
    assert rows["tiny", 2]["message"] == "the spec has no tiny"


def test_an_expected_failure_is_exit_code_0(capsys):
    assert main(["check", "toy_expected", *QUICK, "--json"]) == 0
    status = [row["status"] for row in json.loads(capsys.readouterr().out) if row["check"] == "logits"]
    assert status == ["expected", "expected"]


def test_options_and_encoder_reach_the_network(capsys):
    arguments = ["check", "unet", "--spatial_dims", "2", "--only", "builds", "size_divisor"]
    assert main([*arguments, "--encoder", "resnet18", "--options", "{'upsample': 'bilinear'}"]) == 0
    capsys.readouterr()
    assert main([*arguments, "--options", "{'upsample': 'cubic'}"]) == 1
    assert "bilinear_aligned" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["toyy"], "no network 'toyy' is installed; did you mean 'toy'?"),
        (["toy"], "'toy' is a network and a block; say which with kind"),
        (["unet", "--only", "logit"], "there is no check 'logit'; did you mean 'logits'"),
        (["unet", "--options", "norm"], "--options is 'norm'; write a dict"),
        (["unet", "--encoder", "resnet19", "--only", "builds"], "did you mean 'resnet18'"),
    ],
)
def test_what_cannot_be_checked_is_exit_code_2(arguments, told, capsys):
    assert main(["check", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_json_is_all_that_the_command_prints(tmp_path):
    command = [sys.executable, "-m", "monaiseg", "check", "unet", "--only", "builds", "options", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert [row["status"] for row in json.loads(done.stdout)] == ["passed"] * 3
    assert done.returncode == 0
    assert done.stderr == ""
