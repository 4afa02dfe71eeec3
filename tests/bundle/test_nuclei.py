"""The main job: the default recipe on the generated nuclei, as a newcomer runs it."""

import json

import pytest

from monaiseg.cli import main


@pytest.mark.slow
def test_the_default_recipe_beats_every_threshold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "unetpp"]) == 0
    (facts,) = ((json.loads(path.read_text())) for path in tmp_path.glob("runs/*/run.json"))
    assert facts["best"]["dice"] >= 0.90
    assert facts["best"]["baseline_dice"] <= 0.75
