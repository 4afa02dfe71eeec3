"""Optimizers by torch's names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from monaiseg._numbers import number
from monaiseg.engine.passed_on import made_with, merged_options
from monaiseg.errors import ConfigError, suggest

UNFIT = {
    "LBFGS": "it computes the loss several times a step",
    "Muon": "it takes matrices alone, and the weights of convolutions are none",
    "SparseAdam": "it takes sparse gradients alone, and those of convolutions are dense",
}
"""Those of torch.optim that no network here can be trained with."""

OPTIMIZERS: dict[str, type[Optimizer]] = {
    name: kind
    for name, kind in sorted(vars(torch.optim).items())
    if inspect.isclass(kind) and issubclass(kind, Optimizer) and kind is not Optimizer and name not in UNFIT
}
"""All others, by name."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "AdamW": {"weight_decay": 1e-4},
    "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
}
"""Options that differ from torch's defaults."""


def build_optimizer(name: str, network: nn.Module, lr: float, options: Mapping[str, Any] | None = None) -> Optimizer:
    """Return the optimizer `torch.optim.NAME` of the network's trainable parameters.

    Args:
        name: one of `OPTIMIZERS`.
        network: where it computes.
        lr: the learning rate.
        options: what torch's class is told beyond `DEFAULTS`, such as `{'weight_decay': 0.01}`.

    Raises:
        ConfigError: there is no such optimizer, it cannot be used here, `lr` is no positive number, or the optimizer
            has no such option or refuses its value.
    """
    if reason := UNFIT.get(str(name)):
        raise ConfigError(f"optimizer is {name!r}, which does not fit: {reason}; AdamW or SGD does")
    if not isinstance(name, str) or name not in OPTIMIZERS:
        raise ConfigError(f"optimizer is {name!r}{suggest(str(name), OPTIMIZERS)}")
    if not number("lr", lr):
        raise ConfigError("lr is 0; it must be above 0")
    kind, parameters = OPTIMIZERS[name], [p for p in network.parameters() if p.requires_grad]
    options, defaults = {} if options is None else options, DEFAULTS.get(name, {})
    told = merged_options("optimizer_options", name, kind, options, defaults, settled=("params", "lr"))

    def make(**options: Any) -> Optimizer:
        optimizer: Any = kind
        _try_out(optimizer([nn.Parameter(torch.zeros_like(p)) for p in parameters[:1]], lr=lr, **options))
        made: Optimizer = optimizer(parameters, lr=lr, **options)
        return made

    return made_with(f"optimizer {name!r}", make, told)


def _try_out(optimizer: Optimizer) -> None:
    """Make a step, because torch looks at some options no earlier."""
    for parameter in optimizer.param_groups[0]["params"]:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
