"""A stranger's wheel, installed by pip next to monaiseg, trains under MONAI's own command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from strangers import NET, PARTS, entry_module, spec, write_project

from monaiseg.bundle.shipped import shipped_bundles

pytestmark = pytest.mark.slow

STRANGER = entry_module(
    spec("Network", "stranger_net", "stranger_package.net:build", "tiny={'width': 2}"),
    spec("Encoder", "levels", "stranger_package.parts:build", "size_divisor=8"),
    spec("Block", "tanh_unit", "stranger_package.parts:unit", "role='unit'"),
)
BAD = "import a_library_that_nobody_has\n"


class Run(NamedTuple):
    """What came of a training: the process, and the folder of its run."""

    done: subprocess.CompletedProcess[str]
    folder: Path
    facts: dict[str, Any]


def call(python: Path, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("MONAISEG_", "PYTHON"))}
    command = [str(python), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environ, timeout=600)


def pip(python: Path, *arguments: str | Path, cwd: Path) -> None:
    done = call(python, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr[-3000:]


def write_images(root: Path) -> None:
    """Write six pairs of a bright square on a dark ground and its mask."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(6):
        mask = np.zeros((64, 64), dtype=np.uint8)
        row, column = rng.integers(4, 36, 2)
        mask[row : row + 24, column : column + 24] = 255
        image = np.where(mask[..., None] > 0, 180, 60) + rng.integers(0, 40, (64, 64, 3))
        Image.fromarray(image.astype(np.uint8)).save(root / "images" / f"case{number}.png")
        Image.fromarray(mask).save(root / "masks" / f"case{number}.png")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment: all that is installed here, and two strangers' wheels."""
    root = tmp_path_factory.mktemp("stranger")
    venv.create(root / "venv", with_pip=True, symlinks=True)
    python = root / "venv" / "bin" / "python"
    # By addsitedir, not by a plain path: an editable monaiseg is itself a .pth file in there.
    here = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    site = next((root / "venv" / "lib").glob("python*/site-packages"))
    (site / "running.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in here))

    projects = [
        write_project(
            root / "stranger",
            "stranger-dist",
            version="1.2.3",
            entry_points={"stranger": "stranger_package"},
            modules={
                "stranger_package/__init__.py": STRANGER,
                "stranger_package/net.py": NET,
                "stranger_package/parts.py": PARTS,
            },
        ),
        write_project(
            root / "bad",
            "bad-dist",
            version="0.7",
            entry_points={"bad": "bad_package"},
            modules={"bad_package/__init__.py": BAD},
        ),
    ]
    pip(python, "wheel", "--no-deps", "--no-build-isolation", "-w", root / "wheels", *projects, cwd=root)
    wheels = sorted((root / "wheels").glob("*.whl"))
    assert [wheel.name.split("-")[:2] for wheel in wheels] == [["bad_dist", "0.7"], ["stranger_dist", "1.2.3"]]
    pip(python, "install", "--no-deps", "--no-index", *wheels, cwd=root)
    return python


def train(python: Path, data: Path, empty: Path, **keys: Any) -> Run:
    """Train one epoch by MONAI's command, from an empty folder."""
    config = shipped_bundles()["unetpp"] / "train.yaml"
    keys = dict(data_root=data, epochs=1, batch_size=4, roi_size=64, device="cpu") | keys
    overrides = [text for key, value in keys.items() for text in (f"--{key}", str(value))]
    done = call(python, "-m", "monai.bundle", "run", "training", "--config_file", config, *overrides, cwd=empty)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [path.name for path in empty.iterdir()] == ["runs"]
    (folder,) = (empty / "runs").iterdir()
    return Run(done, folder, json.loads((folder / "run.json").read_text()))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    write_images(root := tmp_path_factory.mktemp("data"))
    return root


@pytest.fixture(scope="module")
def run(python: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(python, data, tmp_path_factory.mktemp("empty"), arch="stranger_net")


@pytest.mark.parametrize(
    ("keys", "theirs"),
    [
        ({"encoder": "levels"}, {"encoder.stages.0.weight": (3, 3, 3, 3), "encoder.stages.2.weight": (7, 5, 4, 4)}),
        (
            {"arch_options": "{'features':(4,8),'unit':'tanh_unit'}"},
            {"encoder.units.0.0.weight": (4, 3, 3, 3), "encoder.units.1.0.weight": (8, 4, 3, 3)},
        ),
    ],
)
def test_the_strangers_encoder_and_unit_train_in_our_unetpp(
    python: Path, data: Path, tmp_path: Path, keys: dict[str, Any], theirs: dict[str, tuple[int, ...]]
) -> None:
    import torch

    run = train(python, data, tmp_path, arch="unetpp", seed=3, **keys)
    state = torch.load(run.folder / "model.pt", weights_only=True)
    assert {key: tuple(state[key].shape) for key in theirs} == theirs
    assert np.isfinite(run.facts["best"]["dice"])


def test_the_strangers_network_trains(run: Run) -> None:
    import torch

    state = torch.load(run.folder / "model.pt", weights_only=True)
    assert {key: tuple(value.shape) for key, value in state.items()} == {
        "body.0.weight": (4, 3, 3, 3),
        "body.0.bias": (4,),
        "head.weight": (1, 4, 1, 1),
        "head.bias": (1,),
    }
    assert len((run.folder / "metrics.csv").read_text().splitlines()) == 2


def test_the_run_records_where_its_network_came_from(run: Run) -> None:
    network = run.facts["network"]
    assert {key: network[key] for key in ("arch", "plugin", "distribution", "version", "parameters")} == {
        "arch": "stranger_net",
        "plugin": "stranger",
        "distribution": "stranger-dist",
        "version": "1.2.3",
        "parameters": 3 * 4 * 9 + 4 + 4 + 1,
    }


def test_a_bad_wheel_beside_it_costs_one_line(run: Run) -> None:
    told = [line for line in (run.done.stdout + run.done.stderr).splitlines() if "bad" in line]
    assert len(told) == 1, told
    assert "plugin bad (bad-dist 0.7) failed at import: ModuleNotFoundError" in told[0]
    assert "a_library_that_nobody_has" in told[0]
    assert "Traceback" not in run.done.stderr


def test_the_command_lists_both(python: Path, tmp_path: Path) -> None:
    done = call(python, "-m", "monaiseg", "plugins", "--json", cwd=tmp_path)
    rows = {row["plugin"]: row for row in json.loads(done.stdout)}
    assert rows["stranger"] == {
        "plugin": "stranger",
        "distribution": "stranger-dist",
        "version": "1.2.3",
        "status": "loaded",
        "provides": ["network stranger_net", "encoder levels", "block tanh_unit"],
        "error": "",
    }
    assert rows["bad"]["status"] == "failed"
    assert rows["unet"]["status"] == rows["unetpp"]["status"] == "loaded"
    assert call(Path(sys.executable), "-m", "monaiseg", "plugins", cwd=tmp_path).stdout.count("stranger") == 0
