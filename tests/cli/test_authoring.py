"""`monaiseg plugin new`: what it writes conforms and installs nowhere by itself; what it refuses."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from strangers import entry_module, on_path, spec, write_distribution

import monaiseg
from monaiseg._loading import load_plugins
from monaiseg.cli import main
from monaiseg.cli.authoring import write_plugin

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def installed(folder: Path, project: Path) -> Path:
    """Put a written project into `folder` as pip would, going by its own pyproject.toml."""
    about = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    modules = {str(path.relative_to(project)): path.read_text() for path in project.glob("segplug_*/*.py")}
    write_distribution(
        folder,
        about["name"],
        version=about["version"],
        entry_points=about["entry-points"]["monaiseg.plugins"],
        modules=modules,
        requires=about["dependencies"],
    )
    return folder


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[int, Path]]]:
    """Gives `write(name, *flags)`: the command in an empty folder; its exit code and that folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: (main(["plugin", "new", *map(str, arguments)]), tmp_path)


def test_what_is_written(write, capsys) -> None:
    code, folder = write("my_net")
    assert code == 0
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        "segplug-my-net/README.md",
        "segplug-my-net/pyproject.toml",
        "segplug-my-net/segplug_my_net/__init__.py",
        "segplug-my-net/segplug_my_net/network.py",
        "segplug-my-net/tests/test_my_net.py",
    }
    told = "next: pip install -e segplug-my-net && monaiseg check my_net"
    assert told in capsys.readouterr().out
    for path in folder.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


@pytest.mark.parametrize("name", ["my_net", "x", "net2"])
def test_it_is_a_network_by_its_name(name: str, tmp_path: Path) -> None:
    with on_path(installed(tmp_path / "site", write_plugin(name, tmp_path / "made"))):
        (record,) = (plugin for plugin in load_plugins(monaiseg.__version__, {}) if plugin.name == name)
        assert record.status == "loaded", record.error
        assert (record.distribution, record.version) == (f"segplug-{name.replace('_', '-')}", "0.1.0")
        for dims in (2, 3):
            network = monaiseg.build_network(name, spatial_dims=dims, in_channels=2, out_channels=3)
            assert sum(p.numel() for p in network.parameters()) < 1_000_000
            size = (13, 18, 11)[:dims]
            assert network(torch.rand(2, 2, *size)).shape == (2, 3, *size)


@pytest.mark.slow
def test_it_keeps_the_contract(tmp_path: Path) -> None:
    from monaiseg.testing import run_checks

    with on_path(installed(tmp_path / "site", write_plugin("my_net", tmp_path / "made"))):
        # What takes long is left to the tutorial, which makes all checks.
        results = run_checks("my_net", skip=("compile", "onnx", "onnx_dynamic"))
    assert len(results) > 20
    assert {result.id: result.message for result in results if result.status != "passed"} == {}


def test_it_asks_for_this_monaiseg(tmp_path: Path) -> None:
    about = tomllib.loads((write_plugin("my_net", tmp_path / "made") / "pyproject.toml").read_text())
    assert about["project"]["dependencies"] == [f"monaiseg>={monaiseg.__version__}"]


def test_another_folder(write, capsys) -> None:
    code, folder = write("my_net", "--folder", folder_of := Path("deep") / "er")
    assert code == 0 and (folder / folder_of / "segplug_my_net" / "network.py").is_file()
    assert f"pip install -e {folder_of}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["My", "2net", "my-net", "my__net", "net_", "", "my net", "../net", "nét"])
def test_a_malformed_name(name: str, write, capsys) -> None:
    code, folder = write(name)
    assert code == 2 and list(folder.iterdir()) == []
    assert f"name {name!r}: write lower-case letters" in capsys.readouterr().err


def test_a_name_that_another_plugin_has(write, capsys) -> None:
    code, folder = write("unetpp_half")
    assert code == 2 and list(folder.iterdir()) == []
    assert "taken: plugin unetpp (monaiseg " in capsys.readouterr().err
    # No network is called resnet, but a second plugin of that name would disable both.
    assert write("resnet")[0] == 2
    assert "taken: plugin resnet (monaiseg " in capsys.readouterr().err


def test_a_name_that_a_strangers_plugin_has(write, tmp_path_factory: pytest.TempPathFactory, capsys) -> None:
    site = tmp_path_factory.mktemp("site")
    modules = {"toy/__init__.py": entry_module(spec("Network", "toy_net", "toy.net:build"))}
    write_distribution(site, "toy-dist", entry_points={"toy": "toy"}, modules=modules)
    with on_path(site):
        assert write("toy_net")[0] == 2
    assert "taken: plugin toy (toy-dist 1.0)" in capsys.readouterr().err


def test_a_package_that_is_there(write, tmp_path_factory: pytest.TempPathFactory, capsys) -> None:
    site = tmp_path_factory.mktemp("site")
    (site / "segplug_lost").mkdir()
    (site / "segplug_lost" / "__init__.py").write_text("raise RuntimeError('imported')")
    with on_path(site):
        assert write("lost")[0] == 2
    assert f"the package segplug_lost is at {site}" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_nothing_is_overwritten(kind: str, write, tmp_path: Path, capsys) -> None:
    there = tmp_path / "segplug-my-net"
    if kind == "folder":
        there.mkdir()
    elif kind == "file":
        there.write_text("mine")
    else:
        there.symlink_to(tmp_path / "nowhere")
    assert write("my_net")[0] == 5
    assert "segplug-my-net: is there already; choose another --folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["segplug-my-net"]
    assert kind != "folder" or list(there.iterdir()) == []


def test_a_folder_that_cannot_be_made(write, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("mine")
    assert write("my_net", "--folder", "file/made")[0] == 5
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_pip_builds_its_wheel(tmp_path: Path) -> None:
    project = write_plugin("my_net", tmp_path / "made")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, project]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == "segplug_my_net-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        modules = {name for name in archive.namelist() if not name.startswith("segplug_my_net-0.1.0.dist-info")}
        points = archive.read("segplug_my_net-0.1.0.dist-info/entry_points.txt").decode()
    assert modules == {"segplug_my_net/__init__.py", "segplug_my_net/network.py"}
    assert points.split() == ["[monaiseg.plugins]", "my_net", "=", "segplug_my_net"]
