"""Losses over regions: how much of prediction and mask overlaps."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from monaiseg.losses.options import positive, share


class Counts(NamedTuple):
    """Pixels that are rightly found, missed, and found where nothing is; with probabilities, so not whole numbers."""

    hit: torch.Tensor
    missed: torch.Tensor
    false: torch.Tensor

    def dice_loss(self, smooth: float) -> torch.Tensor:
        """Return 1 - (2 hit + smooth) / (2 hit + missed + false + smooth), exact also where it is close to 0."""
        wrong = self.missed + self.false
        return wrong / (2 * self.hit + wrong + smooth)


def soft_counts(logits: torch.Tensor, target: torch.Tensor, start: int = 2) -> Counts:
    """Return the counts of each class of each image, `[B, C]`, or with `start=1` of each image, `[B]`.

    They are sums of the probabilities of being wrong, because 1 - p has no digits left where p is close to 1.
    """
    truth = target.flatten(start)
    wrong = torch.sigmoid(logits * (1 - 2 * target)).flatten(start)
    missed = (wrong * truth).sum(-1)
    return Counts(truth.sum(-1) - missed, missed, (wrong * (1 - truth)).sum(-1))


class BCEDice(nn.Module):
    """Binary cross entropy and the Dice loss of each image, as pytorch-nested-unet has it (UNet++, DLMIA 2018, eq. 2).

    The Dice of an image is that of all its classes together. logits, target: `[B, C, *spatial]`.

    Args:
        bce_weight: of the cross entropy; the Dice loss has 1.
    """

    def __init__(self, bce_weight: float = 0.5) -> None:
        super().__init__()
        self.bce_weight = bce_weight

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar of at least 0."""
        dice = soft_counts(logits, target, start=1).dice_loss(smooth=1e-5).mean()
        return self.bce_weight * F.binary_cross_entropy_with_logits(logits, target) + dice


class ComboLoss(nn.Module):
    """Cross entropy whose two kinds of mistakes are weighed, and Dice (Taghanaki et al. 2019).

    The paper subtracts the Dice; here the Dice loss is added, so that the smallest value is 0. logits, target:
    `[B, C, *spatial]`; the Dice is that of each class of each image, averaged.

    Args:
        alpha: share of the cross entropy, the Dice loss has the rest.
        beta: weight of the pixels of the object, the background has the rest: above 0.5 misses cost more.
        smooth: added to both sides of the Dice's fraction.
    """

    def __init__(self, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0) -> None:
        super().__init__()
        self.alpha, self.beta, self.smooth = share("alpha", alpha), share("beta", beta), positive("smooth", smooth)

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar of at least 0."""
        weight = self.beta * target + (1 - self.beta) * (1 - target)
        entropy = F.binary_cross_entropy_with_logits(logits, target, weight)
        dice = soft_counts(logits, target).dice_loss(self.smooth).mean()
        return self.alpha * entropy + (1 - self.alpha) * dice


class FocalTversky(nn.Module):
    """The Tversky loss to a power below 1, which weighs cases that are nearly right more (Abraham and Khan 2019).

    logits, target: `[B, C, *spatial]`; of each class of each image, averaged.

    Args:
        alpha: weight of misses, false finds have the rest.
        gamma: the power; the paper writes it 1 / gamma.
        smooth: added to both sides of the fraction.
    """

    def __init__(self, alpha: float = 0.7, gamma: float = 0.75, smooth: float = 1.0) -> None:
        super().__init__()
        self.alpha, self.gamma, self.smooth = (
            share("alpha", alpha),
            positive("gamma", gamma),
            positive("smooth", smooth),
        )

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar of at least 0."""
        counts = soft_counts(logits, target)
        wrong = self.alpha * counts.missed + (1 - self.alpha) * counts.false
        return power(wrong / (counts.hit + wrong + self.smooth), self.gamma).mean()


def power(x: torch.Tensor, exponent: float) -> torch.Tensor:
    """Return x to an exponent that may be below 1, with a finite gradient at 0."""
    return x.clamp_min(torch.finfo(x.dtype).tiny) ** exponent
