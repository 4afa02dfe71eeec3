"""The wheel holds everything: a wildcard in the build settings would silently leave the plugins out."""

import configparser
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def sources(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_module_plugin_and_bundle_is_in_it(wheel):
    expected = {f"monaiseg/{name}" for name in sources(ROOT / "monaiseg")}
    expected |= sources(ROOT / "plugins")
    expected |= {f"monaiseg/_bundles/{name}" for name in sources(ROOT / "bundles")}
    found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert found == expected
    assert "monaiseg/py.typed" in found


def test_every_plugin_has_its_entry_point(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    parser = configparser.ConfigParser()
    parser.read_string(wheel.read(name).decode())
    plugins = {path.name for path in (ROOT / "plugins").iterdir() if path.name.startswith("segplug_")}
    assert set(dict(parser["monaiseg.plugins"]).values()) == plugins
    assert parser["console_scripts"]["monaiseg"] == "monaiseg.cli:main"


def test_the_licence_is_in_it(wheel):
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
    assert version("monaiseg")
