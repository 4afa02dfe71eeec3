"""What the channels that a network learns beside its classes are compared by."""

from __future__ import annotations

import torch
from monai.losses import DiceLoss
from torch import nn
from torch.nn import functional as F

FULL = 255.0
"""The level of a label that stands for a probability of 1."""


class ChannelLoss(nn.Module):
    """Binary cross entropy plus Dice of squares, with soft targets: a level of 255 is a probability of 1.

    Both are least where each probability equals its target; Dice has borders learnt, which are few pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dice = DiceLoss(sigmoid=True, squared_pred=True, smooth_nr=1.0, smooth_dr=1.0)

    def forward(self, logits: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar of at least 0, for `logits` and `levels` `[B, E, *spatial]`."""
        target = levels / FULL
        loss: torch.Tensor = F.binary_cross_entropy_with_logits(logits, target) + self.dice(logits, target)
        return loss
