"""`monaiseg import-weights`: what it writes, what it tells, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from strangers import NET, entry_module, on_path, spec, write_distribution

import monaiseg
from monaiseg.cli import main

WEIGHTS = """
def from_elsewhere(state):
    unknown = [key for key in state if not key.startswith(("conv.", "out."))]
    if unknown:
        raise ValueError(f"{unknown[0]} is not one of its keys")
    return {key.replace("conv.", "body.0.").replace("out.", "head."): value for key, value in state.items()}
"""


@pytest.fixture(scope="module", autouse=True)
def _toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("toy")
    fields = "deep_supervision=True, weights={'elsewhere': 'toy_import.weights:from_elsewhere'}"
    modules = {
        "toy_import/__init__.py": entry_module(spec("Network", "toy_net", "toy_import.net:build_deep", fields)),
        "toy_import/net.py": NET,
        "toy_import/weights.py": WEIGHTS,
    }
    write_distribution(folder, "toy-import", entry_points={"toy_import": "toy_import"}, modules=modules)
    with on_path(folder):
        yield


@pytest.fixture
def foreign(tmp_path: Path) -> Callable[..., Path]:
    """Gives `write(**changes)`: a foreign file of a volume network of one class; a change to None drops the weight."""

    def write(**changes: torch.Tensor | None) -> Path:
        torch.manual_seed(1)
        state: dict[str, torch.Tensor | None] = {
            "conv.weight": torch.randn(6, 1, 3, 3, 3),
            "conv.bias": torch.randn(6),
            "out.weight": torch.randn(2, 6, 1, 1, 1),
            "out.bias": torch.randn(2),
        }
        state |= {key.replace("_", "."): value for key, value in changes.items()}
        torch.save({key: value for key, value in state.items() if value is not None}, tmp_path / "theirs.pth")
        return tmp_path / "theirs.pth"

    return write


FLAGS = ["--layout", "elsewhere", "--arch", "toy_net", "--spatial_dims", "3", "--in_channels", "1"]
FLAGS += ["--out_channels", "2", "--options", "{'width': 6}", "--deep_supervision"]


def call(file: Path, *flags: str, output: str = "model.pt") -> tuple[int, Path]:
    path = file.parent / output
    return main(["import-weights", str(file), *FLAGS, "--output", str(path), *flags]), path


def test_the_written_file_loads_into_the_network(foreign: Callable[..., Path], capsys) -> None:
    code, path = call(file := foreign())
    assert code == 0
    options = dict(spatial_dims=3, in_channels=1, out_channels=2, deep_supervision=True, width=6)
    network = monaiseg.build_network("toy_net", **options)
    network.load_state_dict(torch.load(path, weights_only=True))
    assert torch.equal(network.head.bias, torch.load(file)["out.bias"])
    told = capsys.readouterr().out
    assert "4 matched, 0 missing, 0 unexpected, 0 misshapen" in told and "written to" in told


def test_the_report_as_json(foreign: Callable[..., Path], capsys) -> None:
    code, path = call(foreign(), "--json")
    report = json.loads(capsys.readouterr().out)
    assert code == 0 and report["complete"] is True and report["output"] == str(path)
    assert report["matched"] == ["body.0.weight", "body.0.bias", "head.weight", "head.bias"]
    assert report["missing"] == report["unexpected"] == report["untouched"] == [] and report["misshapen"] == {}


WRONG = dict(conv_bias=None, conv_gain=torch.ones(1), out_bias=torch.ones(3))


def test_leftovers_are_told_and_nothing_is_written(foreign: Callable[..., Path], capsys) -> None:
    code, path = call(foreign(**WRONG), "--json")
    out, error = capsys.readouterr()
    assert code == 2 and not path.exists()
    report = json.loads(out)
    assert report["output"] is None and report["complete"] is False
    assert report["missing"] == ["body.0.bias"] and report["unexpected"] == ["body.0.gain"]
    assert report["misshapen"] == {"head.bias": {"file": [3], "network": [2]}}
    assert len(error.splitlines()) == 1
    assert "1 missing (body.0.bias), 1 unexpected (body.0.gain), 1 of another shape (head.bias is 3, not 2)" in error


def test_the_table_has_a_row_for_each_leftover(foreign: Callable[..., Path], capsys) -> None:
    code, path = call(foreign(**WRONG), "--partial")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert ["body.0.bias", "missing"] in rows and ["body.0.gain", "unexpected"] in rows
    assert ["head.bias", "of", "another", "shape", "[3]", "[2]"] in rows
    assert any("written in part" in " ".join(row) for row in rows)
    assert torch.load(path)["head.bias"].shape == (2,)


def test_an_existing_file_stays(foreign: Callable[..., Path], capsys) -> None:
    file = foreign(**WRONG)  # told before the work is done, whatever would come of it
    before = file.read_bytes()
    assert call(file, output=file.name)[0] == 5
    assert file.read_bytes() == before
    assert "is there already; choose another --output" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--layout", "elsewere"], "did you mean 'elsewhere'"),
        (["--arch", "toy_nett"], "did you mean 'toy_net'"),
        (["--options", "{'widht': 6}"], "did you mean 'width'"),
        (["--options", "width=6"], "write a dict"),
        (["--options", "[6]"], "write a dict"),
        (["--encoder", "resnet19"], "no encoder 'resnet19'"),
    ],
)
def test_a_mistake_is_one_line(flags: list[str], told: str, foreign: Callable[..., Path], capsys) -> None:
    code, path = call(foreign(), *flags)
    error = capsys.readouterr().err
    assert code == 2 and not path.exists()
    assert told in error and len(error.splitlines()) == 1
