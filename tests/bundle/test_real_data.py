"""Real sets as their owners give them: trained on with `data_root` alone, and equally after conversion."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from monaiseg.cli import main

Real = Callable[[str], Path]

SMALL = "--arch_options {'features':(4,8)} --epochs 1 --device cpu --amp False".split()


def trained(folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Train on a folder, of which nothing but the name is told, and return the run."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert main(["train", "unetpp", "--data_root", str(data), *SMALL]) == 0
    (run,) = (path.parent for path in folder.glob("runs/*/run.json"))
    return run


def some_of(source: Path, target: Path, count: int, *subs: str) -> Path:
    """Return a copy of the first cases of a set whose folders have files of the same names."""
    for sub in subs:
        (target / sub).mkdir(parents=True)
        for file in sorted((source / sub).iterdir())[:count]:
            shutil.copy(file, target / sub)
    return target


@pytest.fixture
def sets(real_data: Real, tmp_path: Path) -> dict[str, Path]:
    """A few cases of each real set, as they lie."""
    dsb, data = tmp_path / "dsb", real_data("dsb2018/stage1_train")
    for case in sorted(data.iterdir())[:10]:
        shutil.copytree(case, dsb / case.name)
    decathlon = some_of(real_data("msd-hippocampus"), tmp_path / "msd", 6, "imagesTr", "labelsTr")
    kvasir = real_data("kvasir-seg")
    for side in ("train", "validation"):
        some_of(kvasir / side, tmp_path / "kvasir" / side, 6, "images", "masks")
    return {
        "dsb2018": dsb,
        "kvasir": tmp_path / "kvasir",
        "cvc": real_data("cvc-clinicdb/TIF"),
        "decathlon": decathlon,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layout", "shape"),
    [
        ("dsb2018", "dsb2018", (2, 3, 1)),
        ("kvasir", "images_masks", (2, 3, 1)),
        ("cvc", "images_masks", (2, 3, 1)),
        ("decathlon", "decathlon", (3, 1, 2)),
    ],
)
def test_data_root_alone_will_do(
    sets: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    layout: str,
    shape: tuple[int, ...],
) -> None:
    facts = json.loads((trained(tmp_path / "run", sets[name], monkeypatch) / "run.json").read_text())
    assert facts["status"] == "finished" and facts["data"]["layout"] == layout
    assert tuple(facts["shape"][key] for key in ("spatial_dims", "in_channels", "out_channels")) == shape


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "target"), [("dsb2018", "images_masks"), ("cvc", "class_masks"), ("decathlon", "nnunet")]
)
def test_converted_files_train_to_the_same_weights(
    sets: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, target: str
) -> None:
    assert main(["data", "convert", str(sets[name]), str(tmp_path / "converted"), "--to", target]) == 0
    runs = [
        trained(tmp_path / to, data, monkeypatch) for to, data in (("a", sets[name]), ("b", tmp_path / "converted"))
    ]
    first, second = ((run / "model.pt").read_bytes() for run in runs)
    assert first == second
    scores = [json.loads((run / "run.json").read_text())["best"]["dice"] for run in runs]
    assert scores[0] == scores[1]
