"""Names of written files lead nowhere else and meet no other; what is no number is not written as a mask."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ignite.engine import Engine

from monaiseg.data import FOREGROUND, Case, Classes
from monaiseg.engine import WriteInstances, WriteMasks
from monaiseg.errors import ConfigError, OutputError
from monaiseg.instances import InstancePlan


def cases(*names: str, suffix: str = ".nii.gz") -> list[Case]:
    return [Case(image=f"{name}{suffix}", label=[], id=name, group=None) for name in names]


def test_two_cases_with_a_file_of_one_name_are_told_before_anything_is_written(tmp_path: Path) -> None:
    two = Classes("masks", ("b", "a_b"))
    with pytest.raises(OutputError, match=r"x_a_b\.nii\.gz: would be of both x and x_a; rename one of the images"):
        WriteMasks(tmp_path, cases("x", "x_a"), two)
    WriteMasks(tmp_path, cases("a", "a_instances"), FOREGROUND)
    with pytest.raises(OutputError, match=r"a_instances\.nii\.gz: would be of both a and a_instances"):
        WriteInstances(tmp_path, cases("a", "a_instances"), FOREGROUND, InstancePlan(decoder="watershed"))
    pictures = cases("a", "a_instances", suffix=".png")  # a PNG and a TIFF
    WriteInstances(tmp_path, pictures, FOREGROUND, InstancePlan(decoder="watershed"))


@pytest.mark.parametrize("plan", [None, InstancePlan(decoder="components")], ids=["masks", "objects"])
def test_a_network_that_gives_nan_is_told_with_the_case(tmp_path: Path, plan: InstancePlan | None) -> None:
    one = cases("a", suffix=".png")
    writer = WriteInstances(tmp_path, one, FOREGROUND, plan) if plan else WriteMasks(tmp_path, one, FOREGROUND)
    engine = Engine(lambda _, batch: batch)
    writer.attach(engine)
    probabilities = torch.full((1, 1, 4, 4), 0.9)
    probabilities[..., 2, 2] = torch.nan
    with pytest.raises(ConfigError, match="a: the network's output is NaN there"):
        engine.run([{"id": ["a"], "pred": probabilities, "spacing": torch.ones(1, 2)}], max_epochs=1)
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".png", ".tif")]
