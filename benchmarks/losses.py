"""What each loss costs: a forward and backward pass over logits [4, 1, 128, 128], relative to bce_dice.

    python -m benchmarks.losses [--rounds 15]

The masks are generated nuclei, the logits noise of +-4. One thread, processor time; the losses take turns in this
process. Printed are the median milliseconds and the median of the ratios within a round.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from monaiseg.data.generated import generate_nuclei
from monaiseg.losses import LOSSES, OutputLoss, build_loss

SHAPE = (4, 1, 128, 128)


def milliseconds(loss: OutputLoss, logits: torch.Tensor, masks: torch.Tensor) -> float:
    logits = logits.clone().requires_grad_()
    start = time.process_time()
    loss(logits, masks).backward()
    return 1000 * (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    masks = torch.from_numpy(np.stack([generate_nuclei(seed, SHAPE[-1])[1] for seed in range(SHAPE[0])]))[:, None] > 127
    logits = 8 * torch.rand(SHAPE) - 4
    losses = {name: build_loss(name) for name in LOSSES}
    times: dict[str, list[float]] = {name: [] for name in losses}
    for number in track(range(rounds + 1), console=Console(stderr=True)):
        for name, loss in losses.items():
            taken = milliseconds(loss, logits, masks)
            if number:  # the first round warms up
                times[name].append(taken)
    table = Table("loss", "ms", "of bce_dice")
    for name, taken in times.items():
        ratio = statistics.median(a / b for a, b in zip(taken, times["bce_dice"], strict=True))
        table.add_row(name, f"{statistics.median(taken):.2f}", f"{ratio:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
