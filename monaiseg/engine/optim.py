"""Optimizers and learning-rate schedules by torch's names."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR, PolynomialLR

from monaiseg._numbers import count, number
from monaiseg.errors import ConfigError, suggest

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "AdamW": {"weight_decay": 1e-4},
    "Adam": {},
    "NAdam": {},
    "RAdam": {},
    "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
}
"""torch.optim's, with the options that differ from torch's defaults."""

SCHEDULERS = ("constant", "cosine", "onecycle", "polynomial")


def build_optimizer(name: str, network: nn.Module, lr: float) -> Optimizer:
    """Return the optimizer `torch.optim.NAME` of the network's trainable parameters.

    Raises:
        ConfigError: there is no such optimizer, or `lr` is no positive number.
    """
    if name not in OPTIMIZERS:
        raise ConfigError(f"optimizer is {name!r}{suggest(str(name), OPTIMIZERS)}")
    if not number("lr", lr):
        raise ConfigError("lr is 0; it must be above 0")
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer: Optimizer = getattr(torch.optim, name)(parameters, lr=lr, **OPTIMIZERS[name])
    return optimizer


def build_scheduler(name: str, optimizer: Optimizer, epochs: int, steps_per_epoch: int) -> LRScheduler:
    """Return the schedule, to be stepped after each iteration.

    `constant`; `cosine` to zero; `onecycle`: up to `lr` in the first tenth, then cosine to zero; `polynomial`:
    to zero with power 0.9.

    Raises:
        ConfigError: there is no such schedule.
    """
    steps = count("epochs", epochs) * steps_per_epoch
    if name == "constant":
        return LambdaLR(optimizer, lambda step: 1.0)
    if name == "cosine":
        return CosineAnnealingLR(optimizer, T_max=steps)
    if name == "onecycle":
        lr = [group["lr"] for group in optimizer.param_groups]
        # One step more than there are: the schedule is stepped after the last iteration too.
        # A warm-up of less than two steps would divide by zero inside torch.
        warm_up = max(0.1, 2 / (steps + 1))
        return OneCycleLR(optimizer, max_lr=lr, total_steps=steps + 1, pct_start=warm_up, cycle_momentum=False)
    if name == "polynomial":
        return PolynomialLR(optimizer, total_iters=steps, power=0.9)
    raise ConfigError(f"scheduler is {name!r}{suggest(str(name), SCHEDULERS)}")
