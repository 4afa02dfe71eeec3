"""Losses that bend the Dice and the cross entropy by logarithms."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from monaiseg.losses.options import positive
from monaiseg.losses.region import power, soft_counts


class LogCoshDice(nn.Module):
    """log(cosh(Dice loss)), which is flat around 0 (Jadon 2020).

    logits, target: `[B, C, *spatial]`; of each class of each image, averaged.

    Args:
        smooth: added to both sides of the Dice's fraction.
    """

    def __init__(self, smooth: float = 1.0) -> None:
        super().__init__()
        self.smooth = positive("smooth", smooth)

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar of at least 0."""
        return soft_counts(logits, target).dice_loss(self.smooth).cosh().log().mean()


class ExpLog(nn.Module):
    """Powers of the logarithms of Dice and probabilities (Wong et al. 2018).

    Each class is told from the rest: object and rest are two labels, a pixel weighs as the inverse square root of its
    label's share. The paper takes the share over all training data, here it is that of the image. logits, target:
    `[B, C, *spatial]`.

    Args:
        dice_weight: of (-log Dice) to the power gamma, of each class of each image.
        cross_weight: of (-log p) to the power gamma, of each pixel.
        gamma: below 1, what is nearly right weighs more.
        smooth: added to both sides of the Dice's fraction.
    """

    def __init__(
        self, dice_weight: float = 0.8, cross_weight: float = 0.2, gamma: float = 0.3, smooth: float = 1.0
    ) -> None:
        super().__init__()
        self.dice_weight, self.cross_weight = dice_weight, cross_weight
        self.gamma, self.smooth = positive("gamma", gamma), positive("smooth", smooth)

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar of at least 0."""
        counts = soft_counts(logits, target)
        minus_log_dice = torch.log1p((counts.missed + counts.false) / (2 * counts.hit + self.smooth))
        truth = target.flatten(2)
        minus_log_p = F.softplus((logits * (1 - 2 * target)).flatten(2))
        share = truth.mean(2, keepdim=True)
        least = 1 / truth.shape[2]  # a label that has no pixel has no weight to give
        weight = truth * share.clamp_min(least).rsqrt() + (1 - truth) * (1 - share).clamp_min(least).rsqrt()
        cross = weight * power(minus_log_p, self.gamma)
        return self.dice_weight * power(minus_log_dice, self.gamma).mean() + self.cross_weight * cross.mean()
