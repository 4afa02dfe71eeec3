"""Tensors in one block: what comes out is what went in, whatever their types and sizes."""

from __future__ import annotations

import pickle

import torch
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.data.packing import Packed

TYPES = (torch.uint8, torch.float32, torch.int16, torch.float64)


@given(
    shapes=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=5),
    kinds=st.lists(st.sampled_from(TYPES), min_size=5, max_size=5),
)
def test_what_comes_out_is_what_went_in(shapes: list[list[int]], kinds: list[torch.dtype]) -> None:
    tensors = [(torch.rand(shape) * 200).to(kind) for shape, kind in zip(shapes, kinds)]
    packed = pickle.loads(pickle.dumps(Packed.of(tensors)))
    for before, after in zip(tensors, packed.tensors(), strict=True):
        assert after.dtype == before.dtype and torch.equal(after, before)


def test_those_of_one_size_and_type_are_a_batch_without_a_copy() -> None:
    alike = Packed.of([torch.full((2, 4, 4), value, dtype=torch.uint8) for value in range(3)])
    batch = alike.batch()
    assert batch is not None and batch.shape == (3, 2, 4, 4) and batch.data_ptr() == alike.block.data_ptr()
    assert batch[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert Packed.of([torch.zeros(2, 4, 4), torch.zeros(2, 4, 4).byte()]).batch() is None
    assert Packed.of([torch.zeros(1, 3), torch.zeros(3, 1)]).batch() is None


def test_the_values_are_copies() -> None:
    tensor = torch.zeros(4)
    packed = Packed.of([tensor, torch.ones(4)])
    packed.tensors()[0].add_(1)
    assert tensor.eq(0).all()
