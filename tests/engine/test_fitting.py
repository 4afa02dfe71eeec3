"""A network is tried on the meta device, where it costs nothing."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from monaiseg.engine import Settings, check_roi


class Memory(TorchDispatchMode):
    """Adds up the elements of all tensors that are made on the CPU."""

    made = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.device.type == "cpu":
            self.made += made.numel()
        return made


def test_the_weights_are_not_copied() -> None:
    network = nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64))
    network.append(nn.Conv2d(64, 64, 3)).append(network[2])  # a layer that is used twice
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with Memory() as memory:
        check_roi(network, Settings(spatial_dims=2, device="cpu", roi_size=32), 3)
    assert memory.made < 1000
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(one.device.type == "cpu" for one in network.parameters())
