"""The network that several processes train, and what is refused."""

import sys

import pytest
import torch
from ignite.engine import Engine
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from monaiseg.engine import Settings, join_ranks, parallel
from monaiseg.engine.parallel import SharedBuffers
from monaiseg.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "told"), [(True, "torch has it on GPUs alone; set it to auto or False"), ("yes", "must be True, False")]
)
def test_batch_norm_over_processes_is_refused_on_the_processor(value, told):
    with pytest.raises(ConfigError, match=told):
        parallel(nn.Linear(1, 1), Settings(spatial_dims=2, device="cpu"), value)


def test_one_process_trains_the_network_itself():
    network = nn.Linear(1, 1)
    assert parallel(network, Settings(spatial_dims=2, device="cpu")) is network


@pytest.fixture
def joins(monkeypatch):
    """A machine with a GPU, on which two processes are started; what is asked of torch is listed."""
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", asked.append)
    monkeypatch.setattr(distributed, "init_process_group", lambda backend, timeout: asked.append(backend))
    monkeypatch.setattr(distributed, "get_rank", lambda: 0)
    return asked


def test_on_the_processor_gpus_are_left_alone(joins):
    """Nor is it asked which of them is whose, so that a launcher need not tell."""
    join_ranks("cpu")
    assert joins == ["gloo"]


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_each_has_a_gpu_of_its_own(joins, monkeypatch, device):
    monkeypatch.setenv("LOCAL_RANK", "0")
    join_ranks(device)
    assert joins == [0, "cpu:gloo,cuda:nccl"]


REFUSED = [
    ({"LOCAL_RANK": "1"}, "cuda", "there are 2 processes on this machine and 1 GPUs; set --nproc_per_node 1"),
    ({"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}, "auto", "there are 2 processes on this machine and 1 GPUs"),
    ({"LOCAL_RANK": "0"}, "cuda:0", "device is 'cuda:0', and each process has a GPU of its own; write --device cuda"),
    ({}, "auto", "RANK is set and LOCAL_RANK is not; start the processes with torchrun, or set it for each"),
    ({"LOCAL_RANK": "first"}, "cuda", "LOCAL_RANK is 'first'; it must be a number"),
    ({"WORLD_SIZE": ""}, "cpu", "RANK is set and WORLD_SIZE is not"),
    ({"MASTER_ADDR": ""}, "cpu", "RANK is set and MASTER_ADDR is not"),
    ({"MASTER_PORT": "x"}, "cpu", "MASTER_PORT is 'x'; it must be a number"),
    ({"RANK": "2"}, "cpu", "RANK is 2 and WORLD_SIZE 2; of 2 the ranks are 0 to 1"),
]


@pytest.mark.parametrize(("place", "device", "told"), REFUSED)
def test_a_place_that_cannot_be_is_refused(joins, monkeypatch, place, device, told):
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=told):
        join_ranks(device)
    assert joins == []


class OneOfTwo(Engine):
    """A trainer of a network, that is one of two processes."""

    def __init__(self, network):
        super().__init__(lambda engine, batch: None)
        self.network = network
        SharedBuffers(nn.Identity()).attach(self)


@pytest.mark.parametrize("wrap", [lambda network: network, lambda network: nn.Sequential(network, nn.ReLU())])
def test_several_share_gradients_or_do_not_begin(monkeypatch, wrap):
    module = sys.modules[SharedBuffers.__module__]  # whose name in the package is that of a function
    monkeypatch.setattr(module, "world", lambda: 2)
    monkeypatch.setattr(module, "share_buffers", lambda network: None)
    with pytest.raises(ConfigError, match="train#trainer#network: shares no gradients"):
        OneOfTwo(wrap(nn.Linear(1, 1))).run([0])
    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        shared = DistributedDataParallel(nn.Linear(1, 1))
        for network in (wrap(shared), torch.compile(shared)):
            assert OneOfTwo(network).run([0]).iteration == 1
    finally:
        distributed.destroy_process_group()
