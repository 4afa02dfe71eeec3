"""The Jaccard loss, continued from sets to errors by its Lovász extension (Berman, Triki and Blaschko, CVPR 2018)."""

from __future__ import annotations

import torch
from torch import nn

from monaiseg.errors import ConfigError


def lovasz_extension(errors: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the Lovász extension of the Jaccard loss at the errors, row by row.

    Args:
        errors: `[R, N]`, how wrong each pixel is, at least 0.
        target: `[R, N]` of 0 and 1.

    Returns:
        `[R]`; where errors are 0 or 1 it is the Jaccard loss of the pixels with error 1.
    """
    errors, order = errors.sort(dim=1, descending=True)
    truth = target.to(torch.int32).gather(1, order)  # whole numbers count exactly, however many pixels there are
    kept = truth.sum(1, keepdim=True) - truth.cumsum(1, dtype=torch.int32)
    union = truth.sum(1, keepdim=True) + (1 - truth).cumsum(1, dtype=torch.int32)
    # What a pixel adds to the Jaccard loss 1 - kept / union of those before it. Written out, because the difference of
    # two such numbers has few digits where there are many pixels.
    step = torch.where(truth > 0, 1.0, kept / (union - 1).clamp_min(1)) / union
    step = torch.where(union == 1, 1.0, step)
    return (errors * step).sum(1)


class LovaszHinge(nn.Module):
    """The Lovász extension at the hinge errors, of each class of each image, averaged.

    logits, target: `[B, C, *spatial]`. Pixels that are right by a margin of 1 cost nothing.
    """

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar of at least 0."""
        errors = torch.relu(1 - logits * (2 * target - 1))
        return lovasz_extension(*(x.flatten(0, 1).flatten(1) for x in (errors, target))).mean()


class LovaszSoftmax(nn.Module):
    """The Lovász extension at the errors of a softmax, for classes that exclude one another.

    logits, target: `[B, C, *spatial]`. Background is a class as well: a logit of 0 stands for it, so that a class is
    found where its logit is the largest and above 0. Averaged are the classes that an image has, then the images.

    Raises:
        ConfigError: classes overlap.
    """

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar of at least 0."""
        rest = 1 - target.sum(1, keepdim=True)
        if bool((rest < 0).any()):
            raise ConfigError(
                "loss lovasz_softmax is for classes that exclude one another, and here some overlap; "
                "set loss to lovasz_hinge"
            )
        truth = torch.cat([rest, target], 1).flatten(2)
        p = torch.cat([torch.zeros_like(rest), logits], 1).flatten(2).softmax(1)
        each = lovasz_extension((truth - p).abs().flatten(0, 1), truth.flatten(0, 1)).view(truth.shape[:2])
        there = truth.amax(2)
        return ((each * there).sum(1) / there.sum(1)).mean()
