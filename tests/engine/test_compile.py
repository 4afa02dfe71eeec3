"""`compile: True`: what is trained is what would have been trained without."""

from __future__ import annotations

import os
import shutil

import pytest
import torch
from stepping import Heads, batches, difference, needs_cuda, on_every_device, train
from torch._dynamo.utils import counters

from monaiseg.engine import Settings

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))), reason="needs a C++ compiler"
)


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> None:
    torch._dynamo.reset()
    counters.clear()


@pytest.mark.slow
@needs_compiler
@on_every_device
def test_training_with_deep_supervision_is_the_same_compiled(device: str) -> None:
    """Also where a batch is smaller, for which torch compiles once more and then no longer."""
    loader = [*batches(3, 4), *batches(2, 3)]
    eager = train(loader, Heads(), epochs=2, device=device).plain
    compiled = train(loader, Heads(), epochs=2, device=device, compile=True)
    assert compiled.network is not compiled.plain
    assert counters["stats"]["unique_graphs"] == 2
    assert difference(compiled.plain, eager) < 1e-5 < 1e-2 < difference(compiled.plain, Heads())
    assert list(compiled.plain.state_dict()) == list(Heads().state_dict())
    image = torch.randn(1, 3, 20, 24, device=device)
    with torch.no_grad():
        assert torch.allclose(compiled.plain.eval()(image), eager.eval()(image), atol=1e-5)


@needs_cuda
@pytest.mark.parametrize("amp", ["bfloat16", "float16"])
def test_compiled_training_in_half_the_bits(amp: str) -> None:
    """It holds on a processor too, where compiling for two more types would double the time of these tests."""
    loader = batches(4, 4)
    compiled = train(loader, amp=amp, device="cuda", compile=True)
    assert compiled.state.output["pred"].dtype == getattr(torch, amp)
    assert difference(compiled.plain, train(loader, amp=amp, device="cuda").plain) < 3e-3


def test_without_it_the_network_is_called_itself() -> None:
    network = Heads()
    assert Settings(spatial_dims=2, device="cpu").compiled(network) is network
