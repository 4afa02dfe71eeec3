"""The kit under pytest: in a test file, by `--monaiseg`, and unused."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest
from strangers import NET, entry_module, spec, write_distribution

SIGMOID = "\n\ndef build_sigmoid(**o):\n    return nn.Sequential(build(**o), nn.Sigmoid())\n"
EXPECTED = "expected_failures={'logits': 'a sigmoid by design'}"
CHOSEN = "only=['builds', 'logits', 'tiny'], spatial_dims=2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A project's folder in which a network, a broken one and one that is known to be broken are installed."""
    folder = tmp_path_factory.mktemp("project")
    specs = [
        spec("Network", "toy", "toy_net:build"),
        spec("Network", "toy_sigmoid", "toy_net:build_sigmoid"),
        spec("Network", "toy_expected", "toy_net:build_sigmoid", EXPECTED),
    ]
    modules = {"toy_net.py": NET + SIGMOID, "toy_entry.py": entry_module(*specs)}
    write_distribution(folder, "toy-dist", entry_points={"toy": "toy_entry"}, modules=modules)
    tests = ["from monaiseg.testing.pytest import conformance"]
    tests += [f"test_{name} = conformance('{name}', {CHOSEN})" for name in ("toy", "toy_sigmoid", "toy_expected")]
    (folder / "test_toys.py").write_text("\n".join(tests))
    (folder / "test_other.py").write_text("def test_other():\n    pass\n")
    return folder


def run(folder: Path, *arguments: str) -> tuple[int, dict[str, str], str]:
    """Run pytest in the folder and return its exit code, what came of each test, and what it said."""
    installed = any(entry.value == "monaiseg.testing._pytest_plugin" for entry in entry_points(group="pytest11"))
    plugin = [] if installed else ["-p", "monaiseg.testing._pytest_plugin"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", "--junitxml=told.xml"]
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([*command, *plugin, *arguments], cwd=folder, env=environ, capture_output=True, text=True)
    told = {}
    if (folder / "told.xml").is_file():
        for case in ElementTree.parse(folder / "told.xml").iter("testcase"):
            name = f"{case.attrib['classname']}.{case.attrib['name']}".removeprefix("test_toys.")
            told[name] = next((f"{c.tag}: {c.attrib.get('message')}" for c in case), "passed")
        (folder / "told.xml").unlink()
    return done.returncode, told, done.stdout + done.stderr


def test_a_test_file_has_a_test_a_check(folder):
    code, told, text = run(folder, "test_toys.py")
    assert code == 1, text
    assert list(told) == [
        f"test_{name}[{case}]"
        for name in ("toy", "toy_sigmoid", "toy_expected")
        for case in ("builds-2d", "tiny-2d", "logits-2d")
    ]
    assert told["test_toy[logits-2d]"] == told["test_toy_sigmoid[builds-2d]"] == "passed"
    assert told["test_toy[tiny-2d]"] == "skipped: the spec has no tiny"
    assert told["test_toy_sigmoid[logits-2d]"].startswith("failure: Failed: network 'toy_sigmoid': gives logits")
    assert told["test_toy_expected[logits-2d]"].startswith("skipped: a sigmoid by design")
    assert "Traceback" not in text and "_suite.py" not in text


def test_the_option_needs_no_test_file(folder):
    code, told, text = run(folder, "--monaiseg", "toy", "--monaiseg", "toy_sigmoid", "-k", "builds-2d or logits-2d")
    assert code == 1, text
    cases = [f"monaiseg.{name}.{case}" for name in ("toy", "toy_sigmoid") for case in ("builds-2d", "logits-2d")]
    assert list(told) == cases, "and nothing from the test files"
    assert list(told.values())[:3] == ["passed"] * 3
    assert "monaiseg::toy_sigmoid::logits-2d" in text


def test_the_option_beside_tests_asked_for_by_path(folder):
    code, told, text = run(folder, "test_other.py", "--monaiseg", "toy", "-k", "other or seed-3d")
    assert code == 0, text
    assert told == {"test_other.test_other": "passed", "monaiseg.toy.seed-3d": "passed"}


def test_an_unknown_name_is_one_line(folder):
    code, _, text = run(folder, "--monaiseg", "toi")
    assert code == 4, text
    assert "ERROR: no network 'toi' is installed; did you mean 'toy'?" in text


def test_unused_it_imports_nothing(folder):
    (folder / "test_light.py").write_text(
        "import sys\n\n\ndef test_light():\n"
        "    assert {'torch', 'monai', 'monaiseg.testing.pytest', 'monaiseg.testing._suite'}.isdisjoint(sys.modules)\n"
        "    assert 'monaiseg.testing._pytest_plugin' in sys.modules\n"
    )
    code, told, text = run(folder, "test_light.py")
    assert code == 0, text
    assert told == {"test_light.test_light": "passed"}
