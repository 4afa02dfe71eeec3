"""Whether a network can be trained on crops of a size, told before the data are read."""

from __future__ import annotations

import copy

import torch
from torch import nn

from monaiseg.engine.settings import Settings
from monaiseg.errors import ConfigError, cause_of, first_line
from monaiseg.nn import per_axis


def check_roi(network: nn.Module, settings: Settings, in_channels: int) -> None:
    """Raise ConfigError where a network cannot be trained on batches `[B, in_channels, *roi_size]`.

    It computes such a batch on torch's meta device, which knows sizes alone and costs nothing; where that is refused it
    computes a real one, as a network may do what the meta device cannot. What is padded before it is computed is told.
    """
    divisors = per_axis(getattr(network, "size_divisor", 1), settings.spatial_dims)
    if any(side < divisor for side, divisor in zip(settings.roi_size, divisors, strict=True)):
        crop, padded = ("x".join(map(str, sizes)) for sizes in (settings.roi_size, divisors))
        print(f"roi_size: WARNING: crops of {crop} are padded to {padded} by the network; give a larger --roi_size")
    size = (settings.batch_size, in_channels, *settings.roi_size)
    if _fails(network, size, "meta") and (reason := _fails(network, size, "cpu")):
        roi = "x".join(map(str, settings.roi_size))
        raise ConfigError(
            f"roi_size is {roi}, on which the network cannot be trained, {settings.batch_size} a batch "
            f"({reason}); give a larger --roi_size or another --batch_size"
        )


def _fails(network: nn.Module, size: tuple[int, ...], device: str) -> str:
    """Return why a copy of the network cannot be trained on a batch of a size; nothing where it can."""
    try:
        image = torch.zeros(size, device=device)
    except (TypeError, RuntimeError) as error:
        return f"it is too large: {str(error).splitlines()[0]}"
    tried = _copied(network, device).train()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            tried(image)
    except Exception as error:  # whatever a network raises
        if (cause := cause_of(error)) is not error:
            raise cause from error  # that memory is out says nothing of the size
        return first_line(error)
    return ""


def _copied(network: nn.Module, device: str) -> nn.Module:
    """Return a copy on a device; on the meta device it takes no memory, not for a moment either."""
    known: dict[int, torch.Tensor] = {}
    if device == "meta":
        known |= {id(one): nn.Parameter(one.to(device), one.requires_grad) for one in network.parameters()}
        known |= {id(one): one.to(device) for one in network.buffers()}
    return copy.deepcopy(network, known).to(device)
