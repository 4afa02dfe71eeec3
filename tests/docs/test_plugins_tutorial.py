"""The tutorial for authors of plugins, typed as it is written, from an empty folder to a trained model."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

TUTORIAL = Path(__file__).parents[2] / "docs" / "plugins.md"
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: `bash` is typed, `python` with a title is that file; other blocks are for reading."""

    language: str
    title: str
    text: str


BLOCKS = [Block(*found) for found in FENCE.findall(TUTORIAL.read_text())]


def new_environment(root: Path) -> dict[str, str]:
    """Return the variables of a new virtual environment with all that is installed here, in which pip needs no net."""
    venv.create(root, with_pip=True, symlinks=True)
    # By addsitedir, not by a plain path: an editable monaiseg is itself a .pth file in there.
    here = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    site = next((root / "lib").glob("python*/site-packages"))
    (site / "running.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in here))
    command = root / "bin" / "monaiseg"  # as pip writes it
    command.write_text(f"#!{root / 'bin' / 'python'}\nimport sys\nfrom monaiseg.cli import main\nsys.exit(main())\n")
    command.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MONAISEG_", "PYTHON", "PIP_"))}
    # pip reads this 0 as: no isolation.
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    return kept | offline | {"PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(root)}


def type_all(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Do what the tutorial says in the folder; return what each of its lines printed."""
    printed: dict[str, str] = {}
    for block in BLOCKS:
        if block.title:
            assert (folder / block.title).is_file(), f"the tutorial replaces {block.title}, which is not there"
            (folder / block.title).write_text(block.text)
        if block.language == "bash":
            for line in block.text.splitlines():
                done = subprocess.run(
                    shlex.split(line), capture_output=True, text=True, cwd=folder, env=environment, timeout=300
                )
                assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
                printed[line] = done.stdout
    return printed


@pytest.mark.slow
def test_typed_as_written_it_ends_with_a_trained_model_of_the_readers_own(tmp_path: Path) -> None:
    environment = new_environment(tmp_path / "venv")
    (folder := tmp_path / "empty").mkdir()
    printed = type_all(folder, environment)

    first, last = sorted(path.parent for path in folder.glob("runs/*/run.json"))
    network = json.loads((last / "run.json").read_text())["network"]
    assert [network[key] for key in ("arch", "plugin", "distribution", "version")] == [
        "my_net",
        "my_net",
        "segplug-my-net",
        "0.1.0",
    ]
    theirs, own = (set(torch.load(run / "model.pt", weights_only=True)) for run in (first, last))
    assert "join_fine.first.conv.weight" in theirs, "the package trains as it was written"
    assert "steps.3.0.weight" in own and "join_fine.first.conv.weight" not in own
    (told,) = (text for line, text in printed.items() if line.startswith("monaiseg train"))
    assert "validation Dice" in told and "NOT BETTER" not in told, "three epochs beat the threshold, it says"
    assert {path.name for path in folder.iterdir()} - {".pytest_cache"} == {"segplug-my-net", "recipe", "runs"}


def test_there_is_something_to_type() -> None:
    lines = [line for block in BLOCKS if block.language == "bash" for line in block.text.splitlines()]
    assert lines[0] == "monaiseg plugin new my_net"
    assert any(line.startswith("python -m monai.bundle run training") for line in lines)
    assert sum(bool(block.title) for block in BLOCKS) == 2


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "python"], ids=lambda b: b.text.split("\n")[0])
def test_the_code_for_reading_is_python(block: Block) -> None:
    compile(block.text, str(TUTORIAL), "exec")
