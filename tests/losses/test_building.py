"""Losses by name: options reach them, and a mistake is told in one line with what was meant."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from monaiseg.errors import ConfigError
from monaiseg.losses import LOSSES, BCEDice, FocalTversky, StructureLoss, build_loss


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("DiceFocalLos", "did you mean 'DiceFocalLoss'"),
        ("bcedice", "did you mean 'bce_dice'"),
        ("lovasz", "did you mean 'lovasz_hinge'"),
        ("wing", "there is BoundaryLoss, DiceCELoss"),
        (3, "there is"),
        (["bce_dice"], "bce_dice"),
    ],
)
def test_an_unknown_loss_gets_a_hint(name: Any, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_loss(name)
    assert str(error.value).startswith(f"loss is {name!r}") and hint in str(error.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("focal_tversky", {"alpah": 0.5}, "loss 'focal_tversky' has no option 'alpah'; did you mean 'alpha'?"),
        ("focal_tversky", {"beta": 0.5}, "has no option 'beta'; there is alpha, gamma, smooth"),
        ("lovasz_hinge", {"margin": 1}, "has no option 'margin'; there is none"),
        ("DiceLoss", {"sigmoid": True}, "has no option 'sigmoid'"),
        ("DiceLoss", {"include_background": False}, "has no option 'include_background'"),
        ("DiceLoss", {"reduction": "sum"}, "has no option 'reduction'"),
        ("DiceLoss", {"jacard": True}, "did you mean 'jaccard'"),
        ("DiceLoss", {"jaccard": 1}, "loss 'DiceLoss' refuses its options: jaccard is 1; it must be True or False"),
        ("DiceLoss", {"smooth_nr": "1e-5"}, "smooth_nr is '1e-5'; it must be a number from 0; in YAML write 1.0e-3"),
        ("DiceFocalLoss", {"gamma": -1}, "gamma is -1; it must be a number from 0"),
        ("DiceFocalLoss", {"gamma": float("nan")}, "gamma is nan"),
        ("DiceFocalLoss", {"gamma": float("inf")}, "gamma is inf"),
        ("DiceFocalLoss", {"gamma": None}, "gamma is None"),
        ("FocalLoss", {"alpha": True}, "alpha is True; it must be a number from 0"),
        ("FocalLoss", {"alpha": 7}, "alpha is 7; it must be a number from 0 to 1"),
        ("DiceFocalLoss", {"alpha": 7}, "alpha is 7; it must be a number from 0 to 1"),
        ("GeneralizedDiceLoss", {"w_type": "cubic"}, "w_type is 'cubic'; it must be square or simple or uniform"),
        ("SoftDiceclDiceLoss", {"alpha": 2}, "alpha must be in [0, 1] but got 2"),
        ("SoftDiceclDiceLoss", {"iter_": 2.5}, "iter_ is 2.5; it must be a whole number from 0"),
        ("bce_dice", {"bce_weight": [1]}, "bce_weight is [1]"),
        ("combo", {"alpha": 1.5}, "alpha is 1.5; it must be a number from 0 to 1"),
        ("combo", {"smooth": 0}, "smooth is 0; it must be a number above 0"),
        ("exp_log", {"gamma": 0}, "gamma is 0; it must be a number above 0"),
        ("hybrid", {"alpha": 2}, "alpha is 2; it must be a number from 0 to 1"),
        ("structure", {"window": 30}, "window is 30; it must be odd"),
        ("structure", {"window": 31.0}, "window is 31.0; it must be a whole number"),
        ("bce_dice", "bce_weight", "loss_options is 'bce_weight'; it must be a mapping such as {'alpha': 0.7}"),
        ("bce_dice", {1: 2}, "has no option 1"),
    ],
)
def test_an_option_that_cannot_be_used_is_told_in_one_line(name: str, options: Any, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_loss(name, options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_options_reach_the_loss() -> None:
    loss = build_loss("focal_tversky", {"alpha": 0.9, "gamma": 1}).loss
    assert isinstance(loss, FocalTversky)
    assert (loss.alpha, loss.gamma, loss.smooth) == (0.9, 1.0, 1.0)
    assert isinstance(build_loss("bce_dice", {"bce_weight": 2}).loss, BCEDice)
    assert build_loss("structure", {"window": 15}).loss.window == 15
    assert build_loss("TverskyLoss", {"alpha": 0.3, "beta": 0.7}).loss.beta == 0.7
    assert build_loss("GeneralizedDiceLoss", {"w_type": "simple"}).loss.w_type == "simple"
    assert build_loss("FocalLoss", {"alpha": None}).loss.alpha is None


@pytest.mark.parametrize("name", LOSSES)
def test_defaults_can_be_written_out(name: str) -> None:
    logits, target = torch.randn(1, 1, 12, 12), torch.zeros(1, 1, 12, 12)
    target[..., 3:9, 2:7] = 1
    defaults = {key: getattr(value, "value", value) for key, value in LOSSES[name].options().items()}
    assert torch.equal(build_loss(name, defaults)(logits, target), build_loss(name)(logits, target))


def test_a_loss_made_by_its_class_checks_its_arguments_too() -> None:
    with pytest.raises(ConfigError, match=r"alpha is '0\.7'"):
        FocalTversky(alpha="0.7")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="window is 4"):
        StructureLoss(window=4)
