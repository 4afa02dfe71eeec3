"""Where a conversion writes: in its own new folder, whole or not at all, and what can be read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import conversion_sets as sets
import pytest

from monaiseg._files import write_into
from monaiseg.data import Case, find_data
from monaiseg.data.converting import TARGETS, convert_data
from monaiseg.errors import DataError, OutputError

Write = Callable[..., Path]


@pytest.fixture
def nuclei(tmp_path: Path) -> Path:
    """Three DSB2018 cases."""
    sets.nuclei(tmp_path / "dsb")
    return tmp_path / "dsb"


@pytest.mark.parametrize("where", [".", "work", "link", "work/dsb/out", "work/dsb/c0"])
def test_places_that_are_no_new_folder(
    nuclei: Path, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    nuclei.rename(tmp_path / "work" / "dsb")
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "link").symlink_to(tmp_path / "work")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=r"is the folder you work in; name a new one|which is read; choose a folder"):
        convert_data(tmp_path / "work" / "dsb", Path(where) if where == "." else tmp_path / where, "images_masks")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_to_an_empty_folder_is_followed(nuclei: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    convert_data(nuclei, tmp_path / "link", "images_masks")
    assert (tmp_path / "link").is_symlink() and len(find_data(tmp_path / "disk").cases) == 3


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone: no such file or folder"):
        convert_data(tmp_path / "gone", tmp_path / "out", "nnunet")


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("name", ["../../victim", "patient0/1", "a\\b", "..", ".hidden"])
def test_ids_that_lead_elsewhere_are_refused(tmp_path: Path, write_pairs: Write, name: str, to: str) -> None:
    write_pairs(tmp_path / "files", 2)
    rows = [f"files/images/case_00.png,files/masks/case_00.png,{name}"]
    (tmp_path / "cases.csv").write_text("\n".join(["image,label,id", *rows]))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=r"case_00.png: the id .* cannot be the name of a file; write it without /"):
        convert_data(tmp_path / "cases.csv", tmp_path / "sub" / "out", to)
    assert sorted(path for path in tmp_path.rglob("*") if path.name != "sub") == before


def test_nothing_is_written_outside_or_over_another_file(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("../x", "a/../../x", str(tmp_path / "x")):
        with pytest.raises(OutputError, match="lies outside"):
            write_into(tmp_path / "out", name, b"")
    write_into(tmp_path / "out", "images/x", b"first")
    with pytest.raises(OutputError, match=r"x: cannot be written .* rename the case"):
        write_into(tmp_path / "out", "images/x", b"second")
    assert (tmp_path / "out/images/x").read_bytes() == b"first"


def test_a_list_in_a_linked_folder_finds_its_files(nuclei: Path, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    convert_data(nuclei, tmp_path / "link" / "out", "list")
    found = find_data(tmp_path / "deep" / "er" / "out")
    assert not found.faults and len(found.cases) == 3


def test_a_file_whose_name_a_list_cannot_hold(tmp_path: Path, write_pairs: Write) -> None:
    folder = write_pairs(tmp_path / "set;1", 2)
    with pytest.raises(DataError, match="which a list cannot hold; rename it"):
        convert_data(folder, tmp_path / "out", "list")


def test_what_would_be_read_as_another_layout_is_refused(tmp_path: Path, write_pairs: Write) -> None:
    write_pairs(tmp_path / "files", 3)
    named = zip(range(3), ("train", "validation", "images"), strict=True)
    rows = [f"files/images/case_0{n}.png,files/masks/case_0{n}.png;,{name}" for n, name in named]
    (tmp_path / "cases.csv").write_text("\n".join(["image,label,id", *rows]))
    with pytest.raises(DataError, match=r"as dsb2018 the set could not be read back \(.*\); rename the cases"):
        convert_data(tmp_path / "cases.csv", tmp_path / "out", "dsb2018")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("broken", [KeyboardInterrupt, OSError])
def test_a_conversion_that_breaks_off_leaves_nothing(nuclei: Path, tmp_path: Path, broken: type[BaseException]) -> None:
    seen = []

    def stop(case: Case) -> None:
        seen.append(case)
        if len(seen) == 2:
            raise broken

    with pytest.raises(broken):
        convert_data(nuclei, tmp_path / "out", "images_masks", see=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["dsb"]


def test_the_folder_has_its_name_only_when_all_is_on_the_disk(
    nuclei: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_sync = []
    monkeypatch.setattr("os.sync", lambda: at_sync.append(sorted(path.name for path in tmp_path.iterdir())))
    convert_data(nuclei, tmp_path / "out", "images_masks")
    (names,) = at_sync
    assert "out" not in names and any(name.startswith(".out.") and name.endswith(".part") for name in names)
