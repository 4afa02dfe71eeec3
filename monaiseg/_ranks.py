"""Several processes that train one network, or score one: which of them this is, and what they tell each other."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import torch
from torch import distributed, nn

from monaiseg.errors import ConfigError

Value = TypeVar("Value")


def world() -> int:
    """Return how many processes there are; 1 outside of a group."""
    return distributed.get_world_size() if _grouped() else 1


def rank() -> int:
    """Return which of them this is, from 0."""
    return distributed.get_rank() if _grouped() else 0


def is_writer() -> bool:
    """Tell whether this is the one that prints and writes files."""
    return rank() == 0


def gathered(value: Value) -> list[Value]:
    """Return the values of all, by rank; every process has to ask."""
    if world() == 1:
        return [value]
    values: list[Any] = [None] * world()
    distributed.all_gather_object(values, value)
    return values


def from_writer(value: Value) -> Value:
    """Return the writer's value; every process has to ask."""
    if world() == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values, src=0)
    return values[0]


def largest(value: int) -> int:
    """Return the largest of the values of all; every process has to ask. It waits for processes, not for a GPU."""
    if world() == 1:
        return value
    number = torch.tensor(value)
    distributed.all_reduce(number, distributed.ReduceOp.MAX)
    return int(number)


def share_buffers(network: nn.Module) -> None:
    """Give all processes the writer's buffers: the statistics of batch norm, of which each has seen its own batches."""
    if world() > 1:
        for buffer in network.buffers():
            distributed.broadcast(buffer, src=0)


def refuse_unjoined() -> None:
    """Raise ConfigError where torchrun has started several processes, and each would train by itself."""
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started > 1 and world() == 1:
        raise ConfigError(
            f"torchrun started {started} processes, each of which would train by itself; join them with "
            "--config_file \"['bundles/unetpp/train.yaml','bundles/multi_gpu.yaml']\", and have "
            '"@begin" first in the bundle\'s initialize'
        )


def _grouped() -> bool:
    return distributed.is_available() and distributed.is_initialized()
