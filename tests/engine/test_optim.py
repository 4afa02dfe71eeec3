"""Optimizers: torch's own, with torch's own options."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from stepping import batches, difference, make_network, train
from torch import nn

from monaiseg.engine import build_optimizer
from monaiseg.engine.optim import DEFAULTS, OPTIMIZERS, UNFIT
from monaiseg.errors import ConfigError


def test_those_of_torch_are_there() -> None:
    common = {"ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD"}
    assert common <= set(OPTIMIZERS)
    assert not {"LBFGS", "Muon", "SparseAdam", "Optimizer"} & set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_torchs_and_trains(name: str) -> None:
    layer = nn.Linear(1, 1)
    layer.bias.requires_grad_(False)
    optimizer = build_optimizer(name, layer, 0.1)
    assert type(optimizer) is getattr(torch.optim, name)
    assert [p is layer.weight for p in optimizer.param_groups[0]["params"]] == [True]
    assert difference(train(batches(2, 2), optimizer=name).plain, make_network()) > 0


def test_options_lie_over_our_defaults_and_those_over_torchs() -> None:
    plain = build_optimizer("SGD", nn.Linear(1, 1), 0.1)
    told = build_optimizer("SGD", nn.Linear(1, 1), 0.1, {"weight_decay": 0, "dampening": 0.0, "nesterov": False})
    torchs = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    assert {**torchs.defaults, **DEFAULTS["SGD"]} == plain.defaults
    assert {**torchs.defaults, "momentum": 0.9} == told.defaults
    betas = build_optimizer("AdamW", nn.Linear(1, 1), 0.1, {"betas": [0.8, 0.9]}).defaults["betas"]
    assert list(betas) == [0.8, 0.9]


@pytest.mark.parametrize("lr", [0, -1, "1e-3", True])
def test_rates_that_are_no_rates(lr: Any) -> None:
    with pytest.raises(ConfigError, match="lr is"):
        build_optimizer("SGD", nn.Linear(1, 1), lr)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Adamw", "optimizer is 'Adamw'; did you mean 'AdamW'"),
        ("lr_scheduler", "optimizer is 'lr_scheduler'; there is ASGD, Ada"),
        (["SGD"], r"optimizer is \['SGD'\]"),
        ("LBFGS", "optimizer is 'LBFGS', which does not fit: it computes the loss several times a step; AdamW or SGD"),
        ("Muon", "it takes matrices alone"),
        ("SparseAdam", "it takes sparse gradients alone"),
    ],
)
def test_names_that_are_none(name: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_optimizer(name, nn.Linear(1, 1), 0.1)


@pytest.mark.parametrize("name", [name for name in UNFIT if hasattr(torch.optim, name)])
def test_what_does_not_fit_fails_in_torch(name: str) -> None:
    network = make_network()
    network(torch.randn(1, 3, 8, 8)).sum().backward()
    with pytest.raises((TypeError, ValueError, RuntimeError), match=r"closure|2D parameters|dense gradients"):
        getattr(torch.optim, name)(network.parameters()).step()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "AdamW",
            {"weight_decey": 0.1},
            "optimizer_options: AdamW has no option 'weight_decey'; did you mean 'weight_decay'",
        ),
        ("AdamW", {"lr": 0.1}, "optimizer_options: 'lr' is settled by the rest of the bundle; leave it out"),
        ("AdamW", {"weight_decay": "1e-4"}, "weight_decay is '1e-4'; it must be a number.* write 1.0e-3"),
        ("AdamW", {"weight_decay": float("inf")}, "weight_decay is inf"),
        ("AdamW", {"amsgrad": "True"}, "amsgrad is 'True'; it must be True or False"),
        ("AdamW", {"fused": "no"}, "fused is 'no'; it must be True or False"),
        ("AdamW", {"betas": 0.9}, "optimizer 'AdamW': torch refuses weight_decay 0.0001, betas 0.9: 'float' object is"),
        ("AdamW", {"betas": (0.9, 0.99, 0.999)}, "betas .0.9, 0.99, 0.999.: too many values"),
        ("AdamW", {"betas": (0.9, 2)}, "betas .0.9, 2.: Invalid beta parameter"),
        ("SGD", {"momentum": 0}, "momentum 0, nesterov True, weight_decay 0.0001: Nesterov momentum requires"),
        ("Adam", {"capturable": True}, "capturable True: If capturable=True, params and"),
        ("Rprop", {"step_sizes": ("a", "b")}, "step_sizes .'a', 'b'.: clamp"),
        ("AdamW", "weight_decay", "optimizer_options is 'weight_decay'; it must be a mapping"),
        ("AdamW", [], r"optimizer_options is \[\]"),
    ],
)
def test_options_that_are_refused(name: str, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build_optimizer(name, nn.Linear(2, 2), 0.1, options)
    assert "\n" not in str(caught.value)


def test_a_network_with_nothing_to_train_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"optimizer 'Adam'.* empty parameter list"):
        build_optimizer("Adam", nn.Linear(1, 1).requires_grad_(False), 0.1)
