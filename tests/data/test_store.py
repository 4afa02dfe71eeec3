"""Where decoded images are kept: what comes out is what went in, from memory and from a file."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.data.looks import Looks
from monaiseg.data.store import ArrayStore, scratch
from monaiseg.errors import ConfigError, OutputError

TYPES = (np.uint8, np.float32, np.int64, np.bool_)


@given(
    shapes=st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=1, max_size=6),
    kinds=st.lists(st.sampled_from(TYPES), min_size=6, max_size=6),
    in_memory=st.integers(0, 2000),
)
def test_what_comes_out_is_what_went_in(shapes: list[list[int]], kinds: list[Any], in_memory: int) -> None:
    store, rng = ArrayStore(in_memory=in_memory), np.random.default_rng(0)
    arrays = [np.asarray(rng.random(shape) * 255).astype(kind) for shape, kind in zip(shapes, kinds, strict=False)]
    assert [store.add(array) for array in arrays] == list(range(len(arrays)))
    assert len(store) == len(arrays)
    for number, array in enumerate(arrays):
        assert store[number].dtype == array.dtype and store[number].shape == array.shape
        assert np.array_equal(store[number], array)


@pytest.mark.parametrize(("limit", "in_file"), [(3 * 1024, False), (3 * 1024 - 1, True)])
def test_one_byte_too_many_moves_all_to_a_file(tmp_path: Path, limit: int, in_file: bool) -> None:
    store = ArrayStore(tmp_path, in_memory=limit)
    for value in range(3):
        store.add(np.full(1024, value, np.uint8))
    assert store.in_file is in_file and store.nbytes == 3 * 1024
    assert [np.unique(store[value]).tolist() for value in range(3)] == [[0], [1], [2]]
    assert list(tmp_path.iterdir()) == [], "the file has no name, so that nothing is left of it"


@pytest.mark.parametrize("in_memory", [0, 10**6])
def test_reading_copies_nothing(tmp_path: Path, in_memory: int) -> None:
    store = ArrayStore(tmp_path, in_memory=in_memory)
    store.add(np.arange(100, dtype=np.uint8).reshape(10, 10))
    assert np.shares_memory(store[0], store[0])
    assert store[0][2:4, 3:5].tolist() == [[23, 24], [33, 34]]


def test_views_and_other_orders_are_kept_as_they_look() -> None:
    store = ArrayStore()
    store.add(np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1))
    store.add(np.arange(24)[::2])
    assert store[0].shape == (4, 2, 3) and store[0][1].tolist() == [[1, 5, 9], [13, 17, 21]]
    assert store[1].tolist() == list(range(0, 24, 2))


@pytest.mark.parametrize("in_memory", [0, 10**6])
@pytest.mark.parametrize("shape", [(3, 7), (64,), (2, 5, 4)])
def test_rows_are_all_arrays_as_one(in_memory: int, shape: tuple[int, ...]) -> None:
    store = ArrayStore(in_memory=in_memory)
    arrays = [np.random.default_rng(k).integers(0, 255, shape, np.uint8) for k in range(5)]
    for array in arrays:
        store.add(array)
    assert np.array_equal(store.rows(), np.stack(arrays))


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path / "runs" / "later", in_memory=0)
    store.add(np.ones(5))
    assert store.in_file and store.folder == tmp_path
    assert list(tmp_path.iterdir()) == []


PROBLEMS = {
    errno.ENOSPC: r"no room for the decoded images \(.*, .* MiB .*\); free some, or {}$",
    errno.ENOENT: r"is not there .*; {}$",
    errno.EACCES: r"cannot be written there \(Permission denied\); {}$",
}


def fail(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("monaiseg.data.store.TemporaryFile", failing)


@pytest.mark.parametrize("number", PROBLEMS)
def test_what_is_wrong_with_the_folder_is_told_with_the_callers_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store = ArrayStore(tmp_path, in_memory=0, mend="choose another --output_dir")
    fail(monkeypatch, number)
    with pytest.raises(OutputError, match=PROBLEMS[number].format("choose another --output_dir")) as raised:
        store.add(np.ones(5))
    assert str(raised.value).startswith(f"{tmp_path}: ") and "\n" not in str(raised.value)


@pytest.mark.parametrize("number", PROBLEMS)
def test_without_a_folder_of_its_own_the_mend_is_another_folder_for_temporary_files(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fail(monkeypatch, number)
    monkeypatch.setattr("monaiseg.data.looks.LITTLE", 0)
    advice = PROBLEMS[number].format("set TMPDIR to another folder")
    with pytest.raises(OutputError, match="^the folder for temporary files: .*" + advice):
        scratch((5, 5), np.float32, in_memory=0)
    with pytest.raises(OutputError, match="^the folder for temporary files: .*" + advice):
        Looks().add(np.ones((1, 32, 32, 3), np.uint8))


def test_a_disk_without_room_for_scratch_is_told_before_it_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("monaiseg.data.store.os.posix_fallocate", full, raising=False)
    with pytest.raises(OutputError, match=r"no room for the decoded images .*1 MiB are needed"):
        scratch((512, 512), np.float32, in_memory=0)


def test_what_is_in_memory_can_be_pickled_and_what_is_in_a_file_says_why_not(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    stores = [ArrayStore(), ArrayStore(tmp_path, in_memory=0)]
    for store in stores:
        store.add(array)
        assert np.array_equal(store[0], array)
    again = pickle.loads(pickle.dumps(stores[0]))
    assert np.array_equal(again[0], array)
    with pytest.raises(ConfigError, match=r"^num_workers: .* temporary file; set num_workers to 0$"):
        pickle.dumps(stores[1])


@pytest.mark.parametrize("in_memory", [0, 10**6])
def test_scratch_holds_what_is_written(in_memory: int) -> None:
    array = scratch((6, 7), np.float32, in_memory)
    array[:] = np.arange(42).reshape(6, 7)
    assert type(array) is np.ndarray and array[5].tolist() == list(range(35, 42))
