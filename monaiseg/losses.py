"""Losses by name, and the one wrapper that lets every loss take the three kinds of training output."""

from __future__ import annotations

from typing import Any

import monai.losses
import torch
from monai.losses import DeepSupervisionLoss, DiceCELoss, DiceLoss
from torch import nn

from monaiseg.errors import ConfigError, suggest


class BCEDice(nn.Module):
    """Half of binary cross entropy plus the Dice loss of each image, averaged: UNet++'s loss (DLMIA 2018, eq. 2).

    logits, target: [B, C, *spatial], each channel a class of its own.
    """

    def __init__(self, bce_weight: float = 0.5) -> None:
        super().__init__()
        self.bce_weight = bce_weight
        self.bce = nn.BCEWithLogitsLoss()
        self.dice = DiceLoss(sigmoid=True)

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar of at least 0."""
        loss: torch.Tensor = self.bce_weight * self.bce(logits, target) + self.dice(logits, target)
        return loss


class OutputLoss(nn.Module):
    """Any loss, for a network's training output: a tensor, a list (deep supervision) or a dict with `logits`.

    With deep supervision it is the mean over the outputs, so that the learning rate means the same with and without.
    The loss is computed in float32 whatever the outputs are.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss
        self.each = DeepSupervisionLoss(loss, weight_mode="same")

    def forward(self, outputs: Any, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar, for `target: [B, C, *spatial]`."""
        if isinstance(outputs, dict):
            outputs = outputs["logits"]
        heads = [head.float() for head in (outputs if isinstance(outputs, list) else [outputs])]
        loss: torch.Tensor = self.each(heads, target.float()) / len(heads)
        return loss


class _DicePlusCE(DiceCELoss):
    """MONAI's, with each channel a class of its own; MONAI's cross entropy is a softmax over channels where it can."""

    def ce(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self.bce(logits, target)
        return loss


MONAI_LOSSES = (
    "DiceCELoss",
    "DiceFocalLoss",
    "DiceLoss",
    "FocalLoss",
    "GeneralizedDiceFocalLoss",
    "GeneralizedDiceLoss",
    "HausdorffDTLoss",
    "LogHausdorffDTLoss",
    "TverskyLoss",
)
"""MONAI's losses that take logits: all but FocalLoss with `sigmoid=True`."""


def build_loss(name: str) -> OutputLoss:
    """Return a loss on logits, by its name here (`bce_dice`) or in `monai.losses` (`DiceFocalLoss`, ...).

    Raises:
        ConfigError: there is no such loss.
    """
    if name == "bce_dice":
        return OutputLoss(BCEDice())
    if name not in MONAI_LOSSES:
        raise ConfigError(f"loss is {name!r}{suggest(str(name), ['bce_dice', *MONAI_LOSSES])}")
    made = _DicePlusCE if name == "DiceCELoss" else getattr(monai.losses, name)
    options = {} if name == "FocalLoss" else {"sigmoid": True}
    return OutputLoss(made(include_background=True, **options))  # the first channel is a class like any other
