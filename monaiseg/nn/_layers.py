"""Layers one after the other, by the way that costs least."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from monaiseg.nn._apart import normed_apart, relu_apart
from monaiseg.nn._as_made import as_made, takes_upsampled, wants_upsampled
from monaiseg.nn._convolving import convolve
from monaiseg.nn._folding import folded
from monaiseg.nn._upsampled import Upsampled, whole


class Layers(nn.Sequential):
    """`torch.nn.Sequential`, with the names of its weights, that computes the same function at less cost.

    A convolution is done before an up-sampling by factors where that is cheaper, and in evaluation together with the
    batch norm that follows. Layers that somebody has hooked into, or put there instead, are called as they are.
    """

    @takes_upsampled
    def forward(self, x: torch.Tensor | Upsampled) -> torch.Tensor:
        """Return what the last layer gives for a map, or for one that is yet to be up-sampled."""
        layers = list(self)
        while layers:
            layer = layers.pop(0)
            if isinstance(layer, nn.Upsample):
                x = Upsampled.by(layer, whole(x))
            elif isinstance(layer, _ConvNd) and as_made(layer, nn.Conv2d, nn.Conv3d):
                both = folded(layer, layers[0] if layers else None, x)
                x = convolve(layer, x, *(both or (layer.weight, layer.bias)))
                if both is not None:
                    layers.pop(0)
            elif isinstance(x, Upsampled) and (apart := normed_apart(layer, x)) is not None:
                x = apart
                if layers and as_made(layers[0], nn.ReLU):
                    x, _ = relu_apart(x), layers.pop(0)
            else:
                x = layer(x if wants_upsampled(layer) else whole(x))
        return whole(x)


def joined(
    unit: nn.Module,
    up: nn.Module,
    x: torch.Tensor,
    before: Sequence[torch.Tensor] = (),
    after: Sequence[torch.Tensor] = (),
) -> torch.Tensor:
    """Return `unit(torch.cat([*before, up(x), *after], dim=1))`, by a cheaper way where there is one."""
    source = Upsampled.by(up, x, before, after)
    y: torch.Tensor = unit(source if wants_upsampled(unit) else source.whole())
    return y
