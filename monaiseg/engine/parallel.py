"""What makes of processes that torchrun started one training: the group, and the network whose gradients they share."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from monaiseg._ranks import share_buffers, world
from monaiseg.engine.settings import Settings
from monaiseg.errors import ConfigError

PATIENCE = timedelta(minutes=30)
"""How long a process waits for another: as long as one may read its cases."""


PLACE = ("RANK", "WORLD_SIZE", "MASTER_PORT", "MASTER_ADDR")
"""What torchrun tells a process of its place, all but the last as numbers; a GPU is chosen by `LOCAL_RANK`."""


def join_ranks(device: str = "auto") -> None:
    """Join the processes that torchrun started, on a GPU each where there are any; without torchrun, do nothing.

    From now on the first process alone prints.

    Args:
        device: where they compute, as the bundles' key has it; `auto`: on GPUs where there are any.

    Raises:
        ConfigError: a process is not told its place, there are more of them on this machine than GPUs, or `device`
            names one GPU for all.
    """
    if "RANK" not in os.environ or distributed.is_initialized():
        return
    on_gpu = torch.cuda.is_available() and (device == "auto" or str(device).startswith("cuda"))
    _check_place(("LOCAL_RANK", *PLACE) if on_gpu else PLACE)
    if on_gpu:
        torch.cuda.set_device(_own_gpu(str(device)))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=PATIENCE)
    if distributed.get_rank() > 0:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (as long as the process lives)


def _check_place(names: Sequence[str]) -> None:
    """Raise ConfigError where one of the variables is not there, or is none of the numbers that it can be."""
    for name in names:
        value = os.environ.get(name)
        if not value:
            raise ConfigError(f"RANK is set and {name} is not; start the processes with torchrun, or set it for each")
        if name != "MASTER_ADDR" and not (value.isascii() and value.isdigit()):
            raise ConfigError(f"{name} is {value!r}; it must be a number, as torchrun sets it")
    place, count = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    if place >= count:
        raise ConfigError(f"RANK is {place} and WORLD_SIZE {count}; of {count} the ranks are 0 to {count - 1}")


def _own_gpu(device: str) -> int:
    """Return which GPU of this machine is that of this process."""
    gpus, local = torch.cuda.device_count(), int(os.environ["LOCAL_RANK"])
    here = max(int(os.environ.get("LOCAL_WORLD_SIZE", "0")), local + 1)
    if here > gpus:
        raise ConfigError(
            f"there are {here} processes on this machine and {gpus} GPUs; set --nproc_per_node {gpus}, or --device cpu"
        )
    if ":" in device:
        raise ConfigError(f"device is {device!r}, and each process has a GPU of its own; write --device cuda")
    return local


def leave_ranks() -> None:
    """Leave the group, if there is one."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def parallel(network: nn.Module, settings: Settings, sync_batchnorm: bool | str = "auto") -> Any:
    """Return the network to train: compiled if asked for, and of several processes one whose gradients are their mean.

    Args:
        network: which is trained, on its device.
        settings: how it computes.
        sync_batchnorm: whether batch norm takes its statistics over the batches of all processes; `"auto"`: on GPUs.

    Raises:
        ConfigError: `sync_batchnorm` is none of these, or asked for on the CPU.
    """
    on_gpu = settings.device.type == "cuda"
    if sync_batchnorm != "auto" and not isinstance(sync_batchnorm, bool):
        raise ConfigError(f"sync_batchnorm is {sync_batchnorm!r}; it must be True, False or auto")
    if sync_batchnorm is True and not on_gpu:
        raise ConfigError("sync_batchnorm is True, and torch has it on GPUs alone; set it to auto or False")
    if not distributed.is_initialized():
        return settings.compiled(network)
    if sync_batchnorm and on_gpu:
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    device_ids = [torch.cuda.current_device()] if on_gpu else None
    return settings.compiled(DistributedDataParallel(network, device_ids=device_ids))


class SharedBuffers:
    """Of a trainer: gives every process the writer's statistics of batch norm, before the epoch is validated.

    That the gradients are shared as well it checks before the first step.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def attach(self, trainer: Engine) -> None:
        """Share at the end of each epoch; attach it before the handlers that evaluate."""
        trainer.add_event_handler(Events.STARTED, _check_shared)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda _: share_buffers(self.network))


def _check_shared(trainer: Engine) -> None:
    """Raise ConfigError where several processes would each train a network of its own."""
    network: nn.Module = trainer.network
    if world() > 1 and not any(isinstance(part, DistributedDataParallel) for part in network.modules()):
        raise ConfigError(
            f"train#trainer#network: shares no gradients, so that each of {world()} processes would train by itself; "
            'write "@network_in_training" there, which multi_gpu.yaml sets'
        )


def only_alone(what: str) -> None:
    """Raise ConfigError where several processes do what one has to do."""
    if world() > 1:
        raise ConfigError(f"{what} is done by one process, and torchrun started {world()}; start it without torchrun")
