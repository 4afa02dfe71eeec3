"""Nothing is unpickled: of files that anyone may have written, values are read and no code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import monaiseg
from monaiseg.bundle import shipped_bundles

CORE = Path(monaiseg.__file__).parent
PLUGINS = [*CORE.parent.glob("plugins/segplug_*/__init__.py"), *CORE.parent.glob("segplug_*/__init__.py")]
FOLDERS = [CORE, *(path.parent for path in PLUGINS)]
PICKLERS = {"pickle", "_pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
OF_MONAI = {"PersistentDataset", "CacheNTransDataset", "LMDBDataset", "GDSDataset", "NumpyReader", "algo_from_pickle"}
"""What of MONAI unpickles, or does so on request."""

OWN = {
    "testing/_observe.py": ["imports pickle"],
    "testing/_observing.py": ["imports pickle"],
    "testing/_export.py": ["calls torch.jit.load without never=called"],
}
"""The conformance kit: an argument to a process that it starts, and what it has exported itself."""

LOADS = {
    "torch.load": ("weights_only", "True"),
    "np.load": ("allow_pickle", "False"),
    "torch.hub.load": ("never", "called"),
    "torch.jit.load": ("never", "called"),
}
"""What needs an argument, and which value."""

YAML = {"safe_load", "safe_dump", "SafeLoader", "YAMLError"}


def faults(tree: ast.AST) -> Iterator[str]:
    """Give what in a module may unpickle."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (f"imports {name}" for name in imported(node) if refused(name))
        elif isinstance(node, ast.Name) and node.id in OF_MONAI:
            yield f"names {node.id}"
        elif isinstance(node, ast.Attribute) and (
            node.attr in OF_MONAI or (getattr(node.value, "id", "") == "yaml" and node.attr not in YAML)
        ):
            yield f"names {node.attr}"
        elif isinstance(node, ast.Call):
            given = {key.arg: ast.unparse(key.value) for key in node.keywords}
            called = ast.unparse(node.func).replace("numpy.", "np.")
            key, value = LOADS.get(called, ("", ""))
            if given.get(key, "") != value:
                yield f"calls {called} without {key}={value}"


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the full names of what is imported."""
    home = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return [home + alias.name for alias in node.names]


def refused(name: str) -> bool:
    root, _, rest = name.partition(".")
    return root in PICKLERS or name.rpartition(".")[2] in OF_MONAI or bool(root == "yaml" and rest and rest not in YAML)


@pytest.mark.parametrize(
    "source",
    [
        *("import pickle", "from joblib import load", "import numpy, shelve", "from yaml import Loader"),
        *("torch.load(p)", "torch.load(p, weights_only=False)", "np.load(p)", "numpy.load(p, allow_pickle=True)"),
        *("yaml.load(t)", "yaml.unsafe_load(t)", "from monai.data import PersistentDataset", "d = data.NumpyReader()"),
    ],
)
def test_what_would_unpickle_is_seen(source: str) -> None:
    assert list(faults(ast.parse(source)))


def test_nothing_unpickles() -> None:
    files = {path: path.relative_to(folder).as_posix() for folder in FOLDERS for path in folder.rglob("*.py")}
    found = {path: list(faults(ast.parse(path.read_text()))) for path in files}
    assert len(files) > 200 and any("torch.load" in path.read_text() for path in files)
    assert {files[path]: told for path, told in found.items() if told} == OWN


def test_no_bundle_names_what_unpickles() -> None:
    files = [path for folder in shipped_bundles().values() for path in folder.glob("*.yaml")]
    words = re.compile("|".join([*OF_MONAI, *PICKLERS, "torch.load", "weights_only", "allow_pickle"]))
    assert len(files) >= 18
    assert [path for path in files if words.search(path.read_text())] == []
