"""The rooms: who may import whom, what is loaded when, and whose names are whose."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

import monaiseg

CORE = Path(monaiseg.__file__).parent
PLUGINS: list[EntryPoint] = [
    entry
    for entry in entry_points(group="monaiseg.plugins")
    if entry.dist is not None and entry.dist.name == "monaiseg"
]
DOOR = {"plugin", "specs", "hookspecs", "errors"}
DESK = {"_loading", "_registry"}


def folder_of(package: str) -> Path:
    found = find_spec(package)
    assert found is not None and found.origin is not None
    return Path(found.origin).parent


def packages() -> list[str]:
    return sorted({entry.module.partition(".")[0] for entry in PLUGINS})


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def nodes(tree: ast.AST, late: bool) -> Iterator[ast.AST]:
    """Yield the nodes that run; `late`: also those inside functions."""
    for node in ast.iter_child_nodes(tree):
        if is_type_checking(node) or (not late and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            continue
        yield node
        yield from nodes(node, late)


def imports(path: Path, package: str, *, late: bool = True) -> set[str]:
    """Return the full names that a file imports; `package` is the one that relative imports start from."""
    found = set()
    for node in nodes(ast.parse(path.read_text()), late):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            found |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


def within(name: str, *allowed: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in allowed)


def is_stdlib(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def sources(folder: Path, package: str) -> Iterator[tuple[Path, str]]:
    """Yield each file of a package with the package that its relative imports start from."""
    for path in sorted(folder.rglob("*.py")):
        yield path, ".".join([package, *path.parent.relative_to(folder).parts])


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch.nn as n", {"torch.nn"}),
        ("from monaiseg import data", {"monaiseg.data"}),
        ("from . import _grid", {"here.sub._grid"}),
        ("from .._grid import Grid", {"here._grid.Grid"}),
        ("try:\n    import torch\nexcept ImportError: pass", {"torch"}),
        ("class A:\n    import torch", {"torch"}),
        ("if TYPE_CHECKING:\n    import torch", set()),
        ("def f():\n    import torch", {"torch"}),
        ("x = importlib.import_module('torch')", {"torch"}),
    ],
)
def test_the_reading_of_imports(tmp_path: Path, source: str, found: set[str]) -> None:
    path = tmp_path / "some.py"
    path.write_text(source)
    assert imports(path, "here.sub") == found
    assert imports(path, "here.sub", late=False) == (set() if source.startswith("def") else found)


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, timeout=120)


def test_importing_monaiseg_loads_neither_torch_nor_monai(tmp_path: Path) -> None:
    done = run("-c", "import monaiseg, sys; print(monaiseg.__version__, *sys.modules)", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "monaiseg" in done.stdout.split()
    assert {"torch", "monai", "numpy"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("command", ["plugins", "networks", "--help", "--version", "bundle list", "data fetch --list"])
def test_listing_loads_neither_torch_nor_monai(command: str, tmp_path: Path) -> None:
    done = run("-X", "importtime", "-m", "monaiseg", *command.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "monaiseg.cli.main" in modules
    assert {"torch", "monai", "ignite", "numpy"}.isdisjoint(modules)


def test_every_name_of_data_is_found_where_it_is_said_to_be() -> None:
    import monaiseg.data

    homes = {name: home for home, names in monaiseg.data._HOMES.items() for name in names}
    assert set(homes) == set(monaiseg.data.__all__)
    for name, home in homes.items():
        assert getattr(monaiseg.data, name) is getattr(importlib.import_module(f"monaiseg.data.{home}"), name)


def test_the_entry_modules_of_plugins_load_no_torch(tmp_path: Path) -> None:
    script = """
import importlib, json, sys
guilty = []
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    specs = list(module.monaiseg_specs())
    if not specs or {"torch", "monai"} & set(sys.modules):
        guilty.append(name)
print(json.dumps(guilty))
"""
    assert {"segplug_unet", "segplug_unetpp"} <= set(packages())
    done = run("-c", script, *(entry.module for entry in PLUGINS), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_the_core_imports_no_plugin() -> None:
    files = list(sources(CORE, "monaiseg"))
    assert len(files) > 20
    guilty = [
        (str(path), name) for path, package in files for name in imports(path, package) if name.startswith("segplug")
    ]
    assert guilty == []


@pytest.mark.parametrize("package", packages())
def test_a_plugin_imports_only_what_a_plugin_may(package: str) -> None:
    allowed = ("monaiseg.plugin", "monaiseg.nn", "torch", "monai.networks", package)
    files = list(sources(folder_of(package), package))
    assert len(files) > 1
    guilty = [
        (str(path), name)
        for path, home in files
        for name in imports(path, home)
        if not within(name, *allowed) and not is_stdlib(name)
    ]
    assert guilty == []


@pytest.mark.parametrize("room", sorted(DOOR))
def test_the_door_is_open_without_torch(room: str) -> None:
    allowed = ("pluggy", *(f"monaiseg.{name}" for name in DOOR))
    found = imports(CORE / f"{room}.py", "monaiseg", late=False)
    assert found
    assert [name for name in found if not within(name, *allowed) and not is_stdlib(name)] == []


@pytest.mark.parametrize("room", sorted(DESK))
def test_the_desk_knows_only_the_door(room: str) -> None:
    allowed = ("pluggy", "packaging", *(f"monaiseg.{name}" for name in (*DOOR, *DESK)), "monaiseg.hookspecs")
    # `from monaiseg import hookspecs` reads as monaiseg.hookspecs; late imports count too, the desk needs none.
    found = imports(CORE / f"{room}.py", "monaiseg")
    assert found
    assert [name for name in found if not within(name, *allowed) and not is_stdlib(name)] == []


def test_the_room_of_objects_knows_data_and_metrics_but_no_engine() -> None:
    own = (f"monaiseg.{room}" for room in ("errors", "data", "metrics", "instances"))
    allowed = (*own, "torch", "monai", "numpy", "scipy", "skimage")
    files = list(sources(CORE / "instances", "monaiseg.instances"))
    assert len(files) > 5
    found = {(path.name, name) for path, package in files for name in imports(path, package)}
    assert {(path, name) for path, name in found if not within(name, *allowed) and not is_stdlib(name)} == set()


def test_the_command_line_imports_torch_and_monai_late() -> None:
    for path, package in sources(CORE / "cli", "monaiseg.cli"):
        heavy = [name for name in imports(path, package, late=False) if within(name, "torch", "monai", "ignite")]
        assert heavy == [], path


def modules_of(package: str) -> Iterator[str]:
    yield package
    for module in pkgutil.walk_packages([str(folder_of(package))], f"{package}."):
        if not module.name.endswith("__main__"):
            yield module.name


def defined(module: str) -> set[str]:
    """Return the public classes and functions that a module defines."""
    members = inspect.getmembers(importlib.import_module(module))
    return {
        name
        for name, value in members
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module
        and not name.startswith("_")
    }


def test_no_name_of_ours_is_one_of_monais() -> None:
    import monai
    from monai.bundle import ComponentLocator

    class OfMonai(ComponentLocator):
        def _find_module_names(self) -> list[str]:
            return [name for name in super()._find_module_names() if within(name, "monai")]

    assert monai.__version__
    locator = OfMonai()
    assert locator.get_component_module_name("UNet") and locator.get_component_module_name("DiceLoss")
    ours = {
        f"{module}.{name}"
        for root in ("monaiseg", *packages())
        for module in modules_of(root)
        for name in defined(module)
    }
    assert {"monaiseg.build.build_network", "monaiseg.specs.NetworkSpec", "segplug_unet.network.build"} <= ours
    clashes = {name: locator.get_component_module_name(name.rpartition(".")[2]) for name in sorted(ours)}
    assert {name: home for name, home in clashes.items() if home} == {}


def test_the_import_packages_of_plugins_do_not_start_with_monai() -> None:
    assert [package for package in packages() if not package.startswith("segplug_")] == []
