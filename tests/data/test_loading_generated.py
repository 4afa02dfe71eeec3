"""Without a folder, a set is generated: which one, where, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from monaiseg.data import GENERATED, load_cases, loading
from monaiseg.errors import ConfigError

Write = Callable[..., Path]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, write_pairs: Write) -> list[str]:
    """Writes a handful of pairs in place of sixty generated ones; gives the kinds that were asked for."""
    asked: list[str] = []

    def write(kind: str, folder: Path, instances: bool) -> Path:
        asked.append(kind)
        return write_pairs(folder)

    monkeypatch.setattr(loading, "write_generated", write)
    return asked


@pytest.mark.parametrize("kind", sorted(GENERATED))
def test_no_data_root_generates_a_set_and_says_so(
    kind: str, quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = load_cases(generated_dir=str(tmp_path / "generated"), generated=kind)
    assert quick == [kind]
    assert split.root == tmp_path / "generated" / f"{kind}-v{GENERATED[kind].version}"
    assert len(split.train) + len(split.validation) == 6
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"data: none given (--data_root FOLDER), so a set of {kind} was generated in {split.root}"
    assert second.startswith(f"data: {len(split.train)} training and {len(split.validation)} validation cases in ")


def test_nuclei_are_what_is_generated_unless_asked(quick: list[str], tmp_path: Path) -> None:
    assert load_cases(generated_dir=str(tmp_path)).root == tmp_path / "nuclei-v1"


def test_the_set_is_generated_for_good(tmp_path: Path) -> None:
    """No stand-in here: sixty polyps are written once, and split as any folder is."""
    split = load_cases(generated_dir=str(tmp_path), generated="polyps")
    assert (len(split.train), len(split.validation), split.layout) == (48, 12, "images_masks")
    assert split.train[0]["id"].startswith("polyps_")


@pytest.mark.parametrize("data_root", ["none", "."])
def test_an_unknown_kind_is_refused_before_anything_is_written(data_root: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^generated is 'polyp', .*; did you mean 'polyps'[?]$"):
        load_cases(data_root, generated_dir=str(tmp_path / "made"), generated="polyp")
    assert not (tmp_path / "made").exists()


def test_a_folder_of_ones_own_is_taken_whatever_the_kind(quick: list[str], tmp_path: Path, write_pairs: Write) -> None:
    folder = write_pairs(tmp_path / "mine")
    assert load_cases(str(folder), generated="polyps").root == folder
    assert quick == []
