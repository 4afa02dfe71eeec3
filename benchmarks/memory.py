"""The most memory that a batch takes beyond the weights, each side in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.networks import WORKS, last_order, sized
from benchmarks.pairs import pairs
from benchmarks.rows import Options, Row


def measure(options: Options) -> Iterator[Row]:
    """Give a row for each pair and work in float32: how many times as much the reference takes."""
    for name, pair in pairs().items():
        for work in WORKS:
            sides = {side: _in_a_process(name, work, side, options) for side in ("ours", "theirs")}
            (mine, spent), (other, _) = sides["ours"], sides["theirs"]
            more = {"MiB": mine, "of theirs": mine / other}
            yield Row(
                "memory", name, pair.against, f"{work}, memory", "float32", 1000 * spent, other / mine, None, more
            )


def _in_a_process(name: str, work: str, side: str, options: Options) -> tuple[float, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (name, work, side, options))


def _peak(name: str, work: str, side: str, options: Options) -> tuple[float, float]:
    """Return the MiB that a batch takes at most, resident memory on the CPU, and its seconds."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pair = pairs()[name]
    network = pair.make()[0 if side == "ours" else 1].train(work == "training").to(options.device)
    x = torch.rand(sized(pair.trained if work == "training" else pair.evaluated, options), device=options.device)
    if side == "ours":
        network, x = network.to(memory_format=last_order(x)), x.to(memory_format=last_order(x))
    run = WORKS[work](network, x, None)
    if options.device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")  # from now on what is taken at most counts
        before = _status("VmRSS")
    start = time.perf_counter()
    run()
    spent = time.perf_counter() - start
    most = torch.cuda.max_memory_allocated() if options.device == "cuda" else _status("VmHWM")
    return (most - before) / 2**20, spent


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))
