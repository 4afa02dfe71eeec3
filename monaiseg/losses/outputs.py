"""The one wrapper that lets every loss take the three kinds of training output."""

from __future__ import annotations

from typing import Any

import torch
from monai.losses import DeepSupervisionLoss
from torch import nn
from torch.nn import functional as F

from monaiseg.losses.channels import ChannelLoss


class OutputLoss(nn.Module):
    """Any loss, for a network's training output: a tensor, a list (deep supervision) or a dict with `logits`.

    With deep supervision it is the mean over the outputs, so that the learning rate means the same with and without.
    A `presence` in the dict adds `PresenceLoss`. The loss is computed in float32 whatever the outputs are.

    Args:
        loss: of the classes.
        classes: how many channels are classes; those that follow are compared by `ChannelLoss`, which is added. None:
            all.
    """

    def __init__(self, loss: nn.Module, classes: int | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.classes = classes
        self.each = DeepSupervisionLoss(loss, weight_mode="same")
        self.further = DeepSupervisionLoss(ChannelLoss(), weight_mode="same")
        self.presence = PresenceLoss()

    def forward(self, outputs: Any, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar, for `target: [B, C, *spatial]`: classes of 0 and 1, then levels of 0 to 255."""
        auxiliary = outputs if isinstance(outputs, dict) else {}
        logits = auxiliary.get("logits", outputs)
        target = target.float()
        with torch.autocast(target.device.type, enabled=False):
            heads = [head.float() for head in (logits if isinstance(logits, list) else [logits])]
            own, more = slice(None, self.classes), slice(self.classes or target.shape[1], None)
            loss: torch.Tensor = self.each([head[:, own] for head in heads], target[:, own]) / len(heads)
            if more.start < target.shape[1]:
                loss = loss + self.further([head[:, more] for head in heads], target[:, more]) / len(heads)
            if "presence" in auxiliary:
                presence = auxiliary["presence"].float()
                gated = target if presence.shape[1] > target[:, own].shape[1] else target[:, own]
                loss = loss + self.presence(presence, gated)
        return loss


class PresenceLoss(nn.Module):
    """Cross entropy of whether there is anything to segment (Huang et al. 2020, section 2.3)."""

    def forward(self, presence: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the mean over images and gates, a scalar.

        Args:
            presence: logits `[B, G, 2]`, absent and present; one gate is for any class, several for the last G.
            target: `[B, C, *spatial]`, 0 where nothing is.
        """
        there = target.flatten(2).amax(2) > 0
        gates = presence.shape[1]
        wanted = there.any(1, keepdim=True) if gates == 1 else there[:, -gates:]
        one_hot = torch.stack([~wanted, wanted], dim=2).to(presence.dtype)
        return F.binary_cross_entropy_with_logits(presence, one_hot)
