"""How times are taken: all sides in one process by turns, so that a machine whose speed drifts slows them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

Work = Callable[[], object]


@dataclass(frozen=True)
class Times:
    """Seconds of each side in each round."""

    rounds: Mapping[str, list[float]]

    def median(self, side: str) -> float:
        """Return the seconds of a side."""
        return statistics.median(self.rounds[side])

    def ratio(self, slow: str, fast: str) -> float:
        """Return how many times as long one side takes as another: the median of the rounds' ratios."""
        return statistics.median(a / b for a, b in zip(self.rounds[slow], self.rounds[fast], strict=True))


def take_turns(sides: Mapping[str, Work], rounds: int, device: str = "cpu") -> Times:
    """Run each side once to warm up, and then `rounds` times by turns.

    Of the CPU it is processor time, of CUDA that between two events.
    """
    clock = _cuda_seconds if device == "cuda" else _cpu_seconds
    for work in sides.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        names = list(sides) if number % 2 == 0 else list(sides)[::-1]  # what comes first finds the caches cold
        for name in names:
            taken[name].append(clock(sides[name]))
    return Times(taken)


def now(device: str) -> float:
    """Return seconds: of the processor, or of the clock once CUDA has done what it was asked."""
    if device != "cuda":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _cpu_seconds(work: Work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _cuda_seconds(work: Work) -> float:
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    work()
    stop.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(stop)) / 1000
