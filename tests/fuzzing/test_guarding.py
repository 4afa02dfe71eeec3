"""What a bad reader would do is found: the fuzzing of good ones must be able to fail."""

from __future__ import annotations

import os
import pickle
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from fuzzing import guarding, mutations

from monaiseg.engine.processor import keep_memory
from monaiseg.errors import DataError

JSON = [b'{"a": [1, {"b": null}]}', b"[1, 2]"]


def at(folder: Path) -> Path:
    return folder / "set" / "file"


def raises(folder: Path) -> None:
    raise ValueError


def tells_no_file(folder: Path) -> None:
    raise DataError("a file is damaged")


def tells_escapes(folder: Path) -> None:
    class Raw(DataError):
        def __str__(self) -> str:
            return f"{at(folder)}: \x1b[2J"

    raise Raw("")


def writes_elsewhere(folder: Path) -> None:
    (folder / "elsewhere").write_text("x")


def renames(folder: Path) -> None:
    (folder / "set" / "more").touch()
    os.replace(folder / "set" / "more", folder / "renamed")


def links(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "set")


def removes(folder: Path) -> None:
    (folder.parent / f"{folder.name}-other").mkdir()
    (folder.parent / f"{folder.name}-other").rmdir()


def makes_below_an_open_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.mkdir("below", dir_fd=opened)
    finally:
        os.close(opened)


def copies(folder: Path) -> None:
    shutil.copy(at(folder), folder / "copied")


def unpickles(folder: Path) -> None:
    pickle.loads(pickle.dumps(Path))


def starts_a_program(folder: Path) -> None:
    os.system("true")


def hangs(folder: Path) -> None:
    try:
        time.sleep(60)
    except Exception:
        return


def takes_memory(folder: Path) -> None:
    np.ones(2**28, np.uint8)


@pytest.mark.parametrize(
    ("use", "found"),
    [
        (raises, "ValueError"),
        (tells_no_file, "is not told in a line that names the file"),
        (tells_escapes, "is not told in a line that names the file"),
        (writes_elsewhere, "writes '.*elsewhere'"),
        (renames, "writes '.*/renamed' .os.rename"),
        (links, "writes '.*/link' .os.symlink"),
        (removes, "writes '.*-other' .os.mkdir.*writes '.*-other' .os.rmdir"),
        (makes_below_an_open_folder, "writes '.*/below' .os.mkdir"),
        (copies, "writes '.*/copied' .shutil.copyfile"),
        (unpickles, "pickle.find_class"),
        (starts_a_program, "os.system"),
        (hangs, "Hang"),
        (takes_memory, "takes over"),
    ],
)
def test_what_is_wrong_is_found(use, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "COUNT", 1)
    if use is hangs:
        monkeypatch.setattr(guarding, "HANGS", 1)  # of others a busy machine may make a second
    monkeypatch.setattr(guarding, "MEMORY", 2**27)
    at(tmp_path).parent.mkdir()
    with pytest.raises(AssertionError, match=found):
        guarding.fuzz("kind", at(tmp_path), JSON, mutations.damaged, [lambda: use(tmp_path)], at(tmp_path).parent)


def test_memory_that_is_freed_and_kept_hides_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_memory()
    takes_memory(tmp_path)
    test_what_is_wrong_is_found(takes_memory, "takes over", tmp_path, monkeypatch)


def test_what_is_done_in_the_folder_is_no_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, turns = at(tmp_path).parent, iter(range(100))

    def works() -> None:
        (root / "a").mkdir()
        (root / "a" / "b").touch()
        os.replace(root / "a" / "b", root / "a" / "c")
        (root / "d").symlink_to("/")
        (root / "d").unlink()
        shutil.copy(root / "a" / "c", root / "a" / "b")
        shutil.rmtree(root / "a")  # by open folders
        if next(turns) % 2:
            raise DataError(f"{root}: is refused")

    monkeypatch.setattr(guarding, "COUNT", 100)
    root.mkdir()
    guarding.fuzz("kind", at(tmp_path), JSON, mutations.damaged, [works], root)


def test_a_reader_that_reads_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> None:
        raise DataError(f"{tmp_path}: is refused")

    monkeypatch.setattr(guarding, "COUNT", 100)
    with pytest.raises(AssertionError, match="0 of 100 inputs are read"):
        guarding.fuzz("kind", tmp_path / "file", JSON, mutations.damaged, [refuses], tmp_path)


@pytest.mark.parametrize("change", [mutations.damaged, mutations.damaged_text, mutations.damaged_json])
def test_inputs_are_of_their_seed_alone_and_all_differ(change) -> None:
    inputs, again = ([change(np.random.default_rng(n), JSON) for n in range(200)] for _ in range(2))
    assert inputs == again and len(set(inputs)) > 100
