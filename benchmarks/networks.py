"""Each network against its reference: evaluation and a step of training, in float32 and bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import nn

from benchmarks.ceiling import ceiling, flops
from benchmarks.pairs import Pair, pairs
from benchmarks.rows import Options, Row
from benchmarks.timing import Work, take_turns

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}
Make = Callable[[nn.Module, torch.Tensor, torch.dtype | None], Work]


def last_order(x: torch.Tensor) -> torch.memory_format:
    """Return the channels-last order of images or volumes."""
    return torch.channels_last if x.ndim == 4 else torch.channels_last_3d


def evaluation(network: nn.Module, x: torch.Tensor, dtype: torch.dtype | None) -> Work:
    """Return what predicts a batch."""

    @torch.inference_mode()
    def work() -> torch.Tensor:
        with torch.autocast(x.device.type, dtype, enabled=dtype is not None):
            output = network(x)
        return output[-1] if isinstance(output, list | tuple) else output

    return work


def training(network: nn.Module, x: torch.Tensor, dtype: torch.dtype | None) -> Work:
    """Return what makes the gradients of a batch."""

    def work() -> None:
        network.zero_grad()
        with torch.autocast(x.device.type, dtype, enabled=dtype is not None):
            output = network(x)
        (output[-1] if isinstance(output, list | tuple) else output).float().square().mean().backward()

    return work


WORKS: dict[str, Make] = {"evaluation": evaluation, "training": training}


def difference(ours: nn.Module, theirs: nn.Module, x: torch.Tensor, work: str) -> float:
    """Return how far outputs are apart in evaluation, and in training the gradients of `x`, relative to theirs."""
    found, wanted = (
        _compared(network.train(work == "training"), image.clone())
        for network, image in ((ours, x.to(memory_format=last_order(x))), (theirs, x))
    )
    return float((found - wanted).norm() / wanted.norm())


def _compared(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.set_grad_enabled(network.training):
        output = network(x.requires_grad_(network.training))
    output = output[-1] if isinstance(output, list | tuple) else output
    return torch.autograd.grad(output.square().mean(), x)[0] if network.training else output


def measure(options: Options) -> Iterator[Row]:
    """Give the figures of each pair, work and precision, as they are taken."""
    for name, pair in pairs().items():
        for work in WORKS if options.only in (None, name) else ():
            yield from _of(name, pair, work, options)


def _of(name: str, pair: Pair, work: str, options: Options) -> Iterator[Row]:
    device = options.device
    torch.manual_seed(0)
    ours, theirs = (side.to(device) for side in pair.make())
    x = torch.rand(sized(pair.trained if work == "training" else pair.evaluated, options), device=device)
    ours, y = ours.to(memory_format=last_order(x)), x.to(memory_format=last_order(x))
    # In float32 gradients are some thousandths apart by rounding alone; the tests compare them in float64.
    error = difference(ours, theirs, x, work) if work == "evaluation" else None
    ours.train(work == "training")
    theirs.train(work == "training")
    run = WORKS[work]
    sides = {"reference": run(_opponent(theirs, device), x, None)}
    sides |= {precision: run(ours, y, dtype) for precision, dtype in PRECISIONS.items()}
    times = take_turns(sides, options.rounds, device)
    for precision, dtype in PRECISIONS.items():
        share = flops(run(ours, y, dtype)) / times.median(precision) / ceiling(device, dtype or torch.float32)
        more = {"share of ceiling": share}
        ms, ratio = 1000 * times.median(precision), times.ratio("reference", precision)
        yield Row("networks", name, pair.against, work, precision, ms, ratio, error, more)


def _opponent(reference: nn.Module, device: str) -> nn.Module:
    """Return the reference; on CUDA as its users may have it too, compiled."""
    return torch.compile(reference) if device == "cuda" else reference  # type: ignore[return-value]


def sized(shape: tuple[int, ...], options: Options) -> tuple[int, ...]:
    return (1, shape[1], *(max(32, side // 2) for side in shape[2:])) if options.quick else shape
