"""Losses by name, for every kind of training output."""

from __future__ import annotations

import monai.losses
import torch
from monai.losses import DiceCELoss, DiceLoss
from torch import nn

from monaiseg.errors import ConfigError, suggest
from monaiseg.losses.channels import ChannelLoss
from monaiseg.losses.hybrid import HybridLoss, StructureLoss
from monaiseg.losses.outputs import OutputLoss, PresenceLoss

__all__ = [
    "MONAI_LOSSES",
    "OWN_LOSSES",
    "BCEDice",
    "ChannelLoss",
    "HybridLoss",
    "OutputLoss",
    "PresenceLoss",
    "StructureLoss",
    "build_loss",
]


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


OWN_LOSSES = {"bce_dice": BCEDice, "hybrid": HybridLoss}
"""Those that MONAI has not."""


def build_loss(name: str, classes: int | None = None) -> OutputLoss:
    """Return a loss on logits, by its name here (`bce_dice`, `hybrid`) or in `monai.losses` (`DiceFocalLoss`, ...).

    Args:
        name: see above.
        classes: how many channels it is for, as `OutputLoss` has it.

    Raises:
        ConfigError: there is no such loss.
    """
    if name in OWN_LOSSES:
        return OutputLoss(OWN_LOSSES[name](), classes)
    if name not in MONAI_LOSSES:
        raise ConfigError(f"loss is {name!r}{suggest(str(name), [*OWN_LOSSES, *MONAI_LOSSES])}")
    made = _DicePlusCE if name == "DiceCELoss" else getattr(monai.losses, name)
    options = {} if name == "FocalLoss" else {"sigmoid": True}
    return OutputLoss(made(include_background=True, **options), classes)  # the first channel is a class like any other
