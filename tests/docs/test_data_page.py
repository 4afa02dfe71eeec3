"""The page about data: what it shows of YAML is a bundle that trains."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from monaiseg.bundle import shipped_bundles
from monaiseg.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
FENCES = [textwrap.dedent(text) for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
FLAGS = "--arch_options {'features':(4,8)} --epochs 1 --roi_size 32 --batch_size 2 --device cpu --amp False".split()


def with_part(folder: Path, fence: str) -> Path:
    """Return a copy of a bundle with the part that a fence shows in the place of its own."""
    bundle = folder / "mine"
    assert main(["bundle", "copy", "unetpp", str(bundle)]) == 0
    file = bundle / "train.yaml"
    config = yaml.safe_load(file.read_text())
    part = yaml.safe_load(fence)
    for key, value in part.items():
        (config if key in config else config["train"])[key] = value
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return bundle


@pytest.mark.parametrize("fence", [f for f in FENCES if f.startswith(("augment:", "dataset:"))], ids=lambda f: f[:7])
def test_what_the_page_shows_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs: Callable[..., Path], fence: str
) -> None:
    data = write_pairs(tmp_path / "data", 6)
    monkeypatch.chdir(tmp_path)
    bundle = with_part(tmp_path, fence)
    assert main(["train", str(bundle), "--data_root", str(data), *FLAGS]) == 0
    (run,) = (path.parent for path in tmp_path.glob("runs/*/run.json"))
    assert json.loads((run / "run.json").read_text())["status"] == "finished"


def test_there_is_something_to_train() -> None:
    assert {fence[:7] for fence in FENCES} >= {"augment", "dataset"}
    assert shipped_bundles()
