"""Files are written whole or not at all."""

import os

import pytest

from monaiseg._files import make_folder, write_bytes, write_table
from monaiseg.errors import OutputError


def test_a_failed_write_leaves_the_previous_file(tmp_path, monkeypatch):
    target = tmp_path / "model.pt"
    write_bytes(target, b"good")

    def full(source, other):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match=r"model\.pt: cannot be written \(No space left on device\)"):
        write_bytes(target, b"new")
    assert target.read_bytes() == b"good"
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_a_folder_that_is_missing_is_told(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write_bytes(tmp_path / "no" / "file", b"")


def test_a_folder_where_a_file_is(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be created"):
        make_folder(tmp_path / "file" / "sub")


def test_tables(tmp_path):
    write_table(tmp_path / "t.csv", ("a", "b"), [{"a": 1, "b": 2}, {"a": 3}])
    assert (tmp_path / "t.csv").read_text() == "a,b\n1,2\n3,\n"
