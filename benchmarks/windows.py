"""The sliding window to labels against MONAI's, and against the network alone on as many windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from monai.inferers import SlidingWindowInferer
from monai.networks.nets import UNet

from benchmarks.networks import PRECISIONS, last_order
from benchmarks.rows import Options, Row
from benchmarks.timing import Work, take_turns
from monaiseg.engine import StripInferer, labels

COUNT = 4
CASES = {
    "2D, 8 classes": ((3, 2048, 2048), (256, 256), 8),
    "2D, 1 class": ((3, 2048, 2048), (256, 256), 1),
    "3D, 14 classes": ((1, 128, 128, 96), (64, 64, 64), 14),
}
"""Image, window and classes."""


def foreground(logits: torch.Tensor) -> torch.Tensor:
    """Return where a single class is, as uint8."""
    return (logits > 0).to(torch.uint8)


def measure(options: Options) -> Iterator[Row]:
    """Give the figures of each case and precision; `error` is the share of places whose labels differ."""
    for name, (shape, window, classes) in CASES.items():
        smaller = 4 if options.quick else 1
        roi = tuple(side // smaller for side in window)
        torch.manual_seed(0)
        x = torch.rand(1, shape[0], *(side // smaller for side in shape[1:]), device=options.device)
        x = x.to(memory_format=last_order(x))
        network = UNet(len(roi), shape[0], classes, (16, 32, 64, 128), (2, 2, 2), norm="batch").eval()
        network = network.to(options.device, memory_format=last_order(x))
        for precision, dtype in PRECISIONS.items():
            yield _of(name, network, x, roi, classes, precision, dtype, options)


def _of(
    name: str,
    network: torch.nn.Module,
    x: torch.Tensor,
    roi: tuple[int, ...],
    classes: int,
    precision: str,
    dtype: torch.dtype | None,
    options: Options,
) -> Row:
    emit = labels if classes > 1 else foreground
    settings = {"roi_size": roi, "sw_batch_size": COUNT, "overlap": 0.5, "mode": "gaussian"}
    theirs, ours = SlidingWindowInferer(**settings), StripInferer(**settings, emit=emit)
    batches = _batches(x, roi, ours)

    def of_monai() -> torch.Tensor:
        logits = theirs(x, network)
        return logits.argmax(1, keepdim=True).to(torch.uint8) if classes > 1 else foreground(logits)

    def alone() -> None:
        for batch in batches:
            network(batch)

    works = {"MONAI": of_monai, "ours": lambda: ours(x, network), "network": alone}
    sides = {side: _computed(work, x, dtype) for side, work in works.items()}
    differ = float((sides["MONAI"]() != sides["ours"]()).float().mean())  # type: ignore[attr-defined]
    times = take_turns(sides, options.rounds, options.device)
    more = {"times the network alone": times.ratio("ours", "network")}
    ms, ratio = 1000 * times.median("ours"), times.ratio("MONAI", "ours")
    return Row("windows", name, "MONAI", "to labels", precision, ms, ratio, differ, more)


def _computed(work: Callable[[], object], x: torch.Tensor, dtype: torch.dtype | None) -> Work:
    @torch.inference_mode()
    def computed() -> object:
        with torch.autocast(x.device.type, dtype, enabled=dtype is not None):
            return work()

    return computed


def _batches(x: torch.Tensor, roi: tuple[int, ...], inferer: StripInferer) -> list[torch.Tensor]:
    """Return the windows as the network gets them."""
    seen: list[torch.Tensor] = []

    def network(data: torch.Tensor) -> torch.Tensor:
        seen.append(data.clone())
        return data[:, :1]

    SlidingWindowInferer(roi, COUNT, inferer.overlap)(x, network)
    return [data.contiguous(memory_format=last_order(data)) for data in seen]
