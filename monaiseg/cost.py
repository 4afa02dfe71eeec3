"""What a network costs: parameters, multiply-adds, memory of its activations, time."""

from __future__ import annotations

import statistics
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from monaiseg.build import build_network


@dataclass(frozen=True)
class Cost:
    """The cost of a network for one image.

    Attributes:
        parameters: the trainable ones.
        gmacs: billions of multiply-adds of its convolutions and matrix products in evaluation.
        activation_mib: the most memory that its activations take at one time in evaluation, float32, in MiB.
        latency_ms: median time of an evaluation, or None if it was not measured.
    """

    parameters: int
    gmacs: float
    activation_mib: float
    latency_ms: float | None


def cost_of(
    name: str, *, spatial_dims: int, in_channels: int, size: Sequence[int], latency: bool = True, **options: Any
) -> Cost:
    """Return the cost of `build_network(name, ...)` with one output channel, for an image `[1, in_channels, *size]`.

    All but the time is computed on the meta device, without weights or pixels. Raises as `build_network` does.
    """
    wanted = dict(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=1, **options)
    shape = (1, in_channels, *size)
    with torch.device("meta"):
        network = build_network(name, **wanted).eval()
        image = torch.empty(shape)
    with torch.no_grad():
        flops = FlopCounterMode(display=False)
        with flops:
            network(image)
        live = _LiveBytes()
        with live:
            network(image)
    return Cost(
        parameters=sum(p.numel() for p in network.parameters() if p.requires_grad),
        gmacs=flops.get_total_flops() / 2e9,
        activation_mib=live.peak / 2**20,
        latency_ms=_latency(lambda: build_network(name, **wanted), shape) if latency else None,
    )


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows how many bytes of tensors made under it are alive; `peak` is the most there were."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the operation and count the storages it made."""
        given = {id(t.untyped_storage()) for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and id(tensor.untyped_storage()) not in given | self._known:
                self._follow(tensor.untyped_storage())
        self.peak = max(self.peak, self.alive)
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        self._known.add(key)
        self.alive += size
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.alive -= size


def _latency(build: Callable[[], nn.Module], shape: Sequence[int], budget: float = 1.0, most: int = 20) -> float:
    """Return the median in ms of up to `most` evaluations after one to warm up, within `budget` seconds or so."""
    network = build().eval()
    image = torch.rand(*shape)
    times: list[float] = []
    with torch.inference_mode():
        network(image)
        while len(times) < most and (len(times) < 3 or sum(times) < budget):
            start = time.perf_counter()
            network(image)
            times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)
