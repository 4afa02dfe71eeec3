"""Initial weights."""

from __future__ import annotations

from torch import nn


def initialise(*parts: nn.Module) -> None:
    """Draw convolution weights from Kaiming's normal (fan in) and set norms to the identity, biases to zero."""
    for module in (module for part in parts for module in part.modules()):
        if isinstance(module, nn.modules.conv._ConvNd):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.modules.batchnorm._NormBase | nn.GroupNorm) and module.weight is not None:
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
