"""Writing a generated set: pairs by stem, whole files, and nothing twice."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from monaiseg.data import all_cases
from monaiseg.data.generated import GENERATED, write_generated
from monaiseg.errors import ConfigError


@pytest.fixture(params=sorted(GENERATED))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def parts(kind: str) -> tuple[tuple[str, str], str]:
    """The folders of images and labels, and how files end."""
    return (("imagesTr", "labelsTr"), ".nii.gz") if GENERATED[kind].classes else (("images", "masks"), ".png")


def stored(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path) if path.suffix == ".png" else nibabel.load(path).dataobj)


def test_write_pairs_by_stem(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "set"
    assert write_generated(kind, folder, cases=4) == folder
    subs, ending = parts(kind)
    images, labels = (sorted((folder / sub).iterdir()) for sub in subs)
    assert [p.name for p in images] == [p.name for p in labels] == [f"{kind}_{i:03d}{ending}" for i in range(4)]
    for seed, pair in enumerate(zip(images, labels, strict=True)):
        for path, values in zip(pair, GENERATED[kind].generate(seed), strict=True):
            assert stored(path).dtype == values.dtype and np.array_equal(stored(path), values)


def test_a_set_is_recognised_with_its_classes(kind: str, tmp_path: Path) -> None:
    cases = all_cases(str(write_generated(kind, tmp_path / "set", cases=3)))
    assert cases.layout == ("decathlon" if GENERATED[kind].classes else "images_masks")
    assert cases.classes.names == (GENERATED[kind].classes or ("foreground",))
    assert len(cases.validation) == 3


def test_default_number_of_cases(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    monkeypatch.setitem(GENERATED, kind, GENERATED[kind]._replace(generate=lambda seed: tiny))
    write_generated(kind, tmp_path)
    subs, ending = parts(kind)
    assert len(list((tmp_path / subs[0]).glob(f"*{ending}"))) == 60


def test_second_call_is_free(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_generated(kind, tmp_path, cases=3)
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in tmp_path.rglob("*.*")}
    assert len(before) >= 6

    def fail(seed: int) -> None:
        raise AssertionError(f"image {seed} was generated again")

    monkeypatch.setitem(GENERATED, kind, GENERATED[kind]._replace(generate=fail))
    write_generated(kind, tmp_path, cases=3)
    assert before == {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in tmp_path.rglob("*.*")}


def test_a_file_already_there_stays_and_a_missing_one_comes_back(kind: str, tmp_path: Path) -> None:
    write_generated(kind, tmp_path, cases=2)
    subs, ending = parts(kind)
    mine, gone = (tmp_path / sub / f"{kind}_000{ending}" for sub in subs)
    kept = gone.read_bytes()
    mine.write_bytes(b"edited by the user")
    gone.unlink()
    write_generated(kind, tmp_path, cases=2)
    assert mine.read_bytes() == b"edited by the user"
    assert gone.read_bytes() == kept


def test_interrupted_write_leaves_no_half_file(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(source: object, target: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            write_generated(kind, tmp_path, cases=2)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    write_generated(kind, tmp_path, cases=2)
    assert len(list(tmp_path.rglob(f"{kind}_*"))) == 4


def test_an_unknown_kind_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'nuclei'"):
        write_generated("nuclie", tmp_path / "set")
    assert not (tmp_path / "set").exists()
