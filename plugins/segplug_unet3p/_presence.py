"""Classification-guided segmentation (Huang et al. 2020, section 2.3): is there anything to segment at all?"""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Conv, Dropout
from torch import nn

from monaiseg.nn import initialise

ABSENT = -1e4
"""The logit of what is not there: probability 0 in every floating-point type."""


class Gate(nn.Module):
    """From the coarsest map to presence logits, and what they do to the outputs.

    It starts open: a branch that has not learned yet must not empty the first evaluations.

    Args:
        in_channels: of the coarsest map.
        gates: 1 for all classes, or as many as classes.
        dropout: probability, before the convolution.
        background: see `close_absent`.
        in_training: whether it closes in training, too.
    """

    def __init__(
        self, spatial_dims: int, in_channels: int, gates: int, dropout: float, background: bool, in_training: bool
    ) -> None:
        super().__init__()
        self.gates = gates
        self.background = background
        self.in_training = in_training
        convolution = Conv[Conv.CONV, spatial_dims](in_channels, 2 * gates, 1)
        initialise(convolution)
        with torch.no_grad():
            convolution.weight.mul_(0.01)
            convolution.bias.view(gates, 2)[:, 1] = 1.0
        self.classify = nn.Sequential(Dropout[Dropout.DROPOUT, spatial_dims](dropout), convolution)

    def forward(self, coarsest: torch.Tensor, outputs: list[torch.Tensor]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return presence logits `[B, gates, 2]`, absent and present, and the outputs with what is absent closed."""
        # The maximum over all places; torch 2.8 exports no adaptive pooling to ONNX.
        presence = self.classify(coarsest).flatten(2).amax(-1).view(len(coarsest), self.gates, 2)
        if self.in_training or not self.training:
            outputs = [close_absent(output, presence, self.background) for output in outputs]
        return presence, outputs


def close_absent(logits: torch.Tensor, presence: torch.Tensor, background: bool) -> torch.Tensor:
    """Return `logits: [B, C, *spatial]` with the classes that `presence: [B, gates, 2]` finds absent at `ABSENT`.

    One gate is for all classes. With `background` the first channel is none of them and stays as it is, so that it wins
    where the others are closed.
    """
    classes = logits.shape[1] - int(background)  # a bool cannot be subtracted under torch.jit.trace
    absent = (presence[..., 0] > presence[..., 1]).expand(-1, classes)
    if background:
        absent = torch.cat([torch.zeros_like(absent[:, :1]), absent], dim=1)
    return logits.masked_fill(absent[(..., *[None] * (logits.ndim - 2))], ABSENT)
