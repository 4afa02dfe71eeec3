"""What makes of processes that torchrun started one training: the group, and the network whose gradients they share."""

from __future__ import annotations

import os
import sys
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


def join_ranks() -> None:
    """Join the processes that torchrun started, on a GPU each where there are any; without torchrun, do nothing.

    From now on the first process alone prints.

    Raises:
        ConfigError: there are more processes on this machine than GPUs.
    """
    if "RANK" not in os.environ or distributed.is_initialized():
        return
    gpus, local = torch.cuda.device_count(), int(os.environ["LOCAL_RANK"])
    if gpus:
        if local >= gpus:
            raise ConfigError(f"torchrun started more processes than the {gpus} GPUs; set --nproc_per_node {gpus}")
        torch.cuda.set_device(local)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE)
    if distributed.get_rank() > 0:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (as long as the process lives)


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
    """Of a trainer: gives every process the writer's statistics of batch norm, before the epoch is validated."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def attach(self, trainer: Engine) -> None:
        """Share at the end of each epoch; attach it before the handlers that evaluate."""
        trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda _: share_buffers(self.network))


def only_alone(what: str) -> None:
    """Raise ConfigError where several processes do what one has to do."""
    if world() > 1:
        raise ConfigError(f"{what} is done by one process, and torchrun started {world()}; start it without torchrun")
