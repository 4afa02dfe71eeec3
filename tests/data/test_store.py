"""Where decoded images are kept: what comes out is what went in, from memory and from a file."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.data.store import TensorStore
from monaiseg.errors import OutputError

TYPES = (torch.uint8, torch.float32, torch.int64, torch.bool)


@given(
    shapes=st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=1, max_size=6),
    kinds=st.lists(st.sampled_from(TYPES), min_size=6, max_size=6),
    in_memory=st.integers(0, 2000),
)
def test_what_comes_out_is_what_went_in(shapes: list[list[int]], kinds: list[Any], in_memory: int) -> None:
    store = TensorStore(in_memory=in_memory)
    tensors = [(torch.rand(shape) * 255).to(kind) for shape, kind in zip(shapes, kinds, strict=False)]
    assert [store.add(tensor) for tensor in tensors] == list(range(len(tensors)))
    assert len(store) == len(tensors)
    for number, tensor in enumerate(tensors):
        assert store[number].dtype == tensor.dtype and torch.equal(store[number], tensor)


@pytest.mark.parametrize(("limit", "in_file"), [(3 * 1024, False), (3 * 1024 - 1, True)])
def test_one_byte_too_many_moves_all_to_a_file(tmp_path: Path, limit: int, in_file: bool) -> None:
    store = TensorStore(tmp_path, in_memory=limit)
    for value in range(3):
        store.add(torch.full((1024,), value, dtype=torch.uint8))
    assert store.in_file is in_file and store.nbytes == 3 * 1024
    assert [store[value].unique().item() for value in range(3)] == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [], "the file has no name, so that nothing is left of it"


def test_reading_copies_nothing(tmp_path: Path) -> None:
    for store in (TensorStore(tmp_path), TensorStore(tmp_path, in_memory=0)):
        store.add(torch.arange(100, dtype=torch.uint8).reshape(10, 10))
        assert store[0].data_ptr() == store[0].data_ptr()
        assert store[0][2:4, 3:5].tolist() == [[23, 24], [33, 34]]


def test_views_and_other_orders_are_kept_as_they_look() -> None:
    store = TensorStore()
    store.add(torch.arange(24, dtype=torch.float32).reshape(2, 3, 4).permute(2, 0, 1))
    store.add(torch.arange(24)[::2])
    assert store[0].shape == (4, 2, 3) and store[0][1].tolist() == [[1, 5, 9], [13, 17, 21]]
    assert store[1].tolist() == list(range(0, 24, 2))


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    store = TensorStore(tmp_path / "runs" / "later", in_memory=0)
    store.add(torch.ones(5))
    assert store.in_file and store.folder == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_with_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = TensorStore(tmp_path, in_memory=0)
    monkeypatch.setattr("monaiseg.data.store.TemporaryFile", full)
    with pytest.raises(OutputError, match=r"no room for the decoded images .No space.*choose another --output_dir"):
        store.add(torch.ones(5))
