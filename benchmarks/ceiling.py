"""The most that this machine computes: 3x3 convolutions in their best shapes."""

from __future__ import annotations

from functools import cache

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import Work, take_turns

SHAPES = ((4, 32, 256), (4, 64, 128), (4, 128, 128), (4, 256, 64))
"""(batch, channels, side)."""


def flops(work: Work) -> int:
    """Return the floating-point operations of a work, two a multiplication."""
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return int(counter.get_total_flops())


@cache
def ceiling(device: str, dtype: torch.dtype) -> float:
    """Return the most operations a second of a convolution, in channels-last order."""
    best = 0.0
    for batch, channels, side in SHAPES:
        x, weight = torch.rand(batch, channels, side, side, device=device), torch.rand(channels, channels, 3, 3)
        x, weight = (one.to(device, dtype, memory_format=torch.channels_last) for one in (x, weight))
        work = torch.inference_mode()(lambda x=x, weight=weight: F.conv2d(x, weight, padding=1))
        done = 2 * 9 * channels**2 * batch * side**2
        best = max(best, done / min(take_turns({"": work}, 5, device).rounds[""]))
    return best
