"""What the channels that a network learns beside its classes are compared by."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

FULL = 255.0
"""The level of a label that stands for a probability of 1."""


class ChannelLoss(nn.Module):
    """Binary cross entropy of the further channels with soft targets: a level of 255 is a probability of 1."""

    def forward(self, logits: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """Return the mean over pixels and channels, a scalar, for `logits` and `levels` `[B, E, *spatial]`."""
        return F.binary_cross_entropy_with_logits(logits, levels / FULL)
