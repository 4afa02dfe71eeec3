"""Checks of training: gradients, learning, and distribution."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from monaiseg._seeding import seeded
from monaiseg.testing._check import KINDS, NotApplicable, PromiseBroken, check, require
from monaiseg.testing._outcome import energy, heads, require_finite, require_finite_gradients
from monaiseg.testing._subject import IN_CHANNELS, OUT_CHANNELS, Subject, evaluate, train_step

STEPS = 300
"""Of Adam, enough for a tiny network to learn two images by heart."""


@check("every parameter gets a finite gradient", kinds=KINDS)
def gradients(subject: Subject) -> None:
    """The loss is over all outputs, with deep supervision and without; frozen parameters are exempt."""
    for variant in subject.variants():
        module = subject.build(**variant)
        train_step(module, *subject.inputs())
        require_finite_gradients(module, f"with {variant}" if variant else "in training")


@check(
    "an image of one colour gives finite outputs and gradients",
    kinds=("network", "encoder"),
    after=("builds", "gradients"),
)
def flat_image(subject: Subject) -> None:
    """Images of zeros and of ones, as backgrounds are."""
    for value in (0.0, 1.0):
        module = subject.build()
        (x,) = subject.inputs()
        flat = torch.full_like(x, value)
        require_finite(train_step(module, flat), f"for an image of {value:g}")
        require_finite_gradients(module, f"for an image of {value:g}")
        require_finite(evaluate(module, flat), f"in evaluation, for an image of {value:g}")


@check("no unused parameter under DDP", after=("builds", "gradients"))
def ddp(subject: Subject) -> None:
    """Three steps in a process group of one, over all outputs, with `find_unused_parameters=False`."""
    for variant in subject.variants():
        network = subject.build(**variant).train()
        with _process_group(), seeded(1):
            error = _failing_step(network, [subject.inputs(seed=step)[0] for step in range(3)])
            # What the wrapper leaves behind must go before the group does: the other way round, freeing can deadlock.
            gc.collect()
        require(not error, f"with {variant}, {error}" if variant else error)


def _failing_step(network: nn.Module, batches: list[torch.Tensor]) -> str:
    """Return what goes wrong in distributed steps, or nothing."""
    parallel = DistributedDataParallel(network)
    try:
        for x in batches:
            energy(parallel(x)).backward()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        unused = "finished reduction" in str(error)
        return "some steps leave parameters out" if unused else str(error).splitlines()[0]
    return ""


@contextmanager
def _process_group() -> Iterator[None]:
    if not distributed.is_available():
        raise NotApplicable("this torch was built without distributed training")
    if distributed.is_initialized():
        yield
        return
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        distributed.destroy_process_group()


@check("learns a batch by heart", after=("builds", "gradients", "logits"))
def overfits(subject: Subject) -> None:
    """Up to 300 steps on two noisy discs must bring the main head to a Dice of 0.9 for disc and ground."""
    network = subject.build().train()
    x, target = _discs(subject)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=5e-3)
    best = 0.0
    with seeded(1):
        for _ in range(STEPS):
            outputs = heads(network(x))
            best = max(best, _dice(outputs[0], target))
            if best > 0.9:
                return
            optimizer.zero_grad()
            loss = torch.stack([F.binary_cross_entropy_with_logits(head, target) for head in outputs]).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    raise PromiseBroken(f"after {STEPS} steps on one batch the Dice is {best:.2f}")


def _discs(subject: Subject) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two noisy images of a disc off the centre, and its masks: the disc, and the ground."""
    size = subject.plain
    axes = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in size), indexing="ij")
    masks = [sum((axis - shift) ** 2 for axis in axes) < 0.5 for shift in (0.2, -0.3)]
    inside = torch.stack([torch.as_tensor(mask) for mask in masks]).float().unsqueeze(1)
    noise = torch.randn(2, IN_CHANNELS, *size, generator=torch.Generator().manual_seed(0))
    target = torch.cat([inside, 1 - inside], dim=1)
    assert target.shape[1] == OUT_CHANNELS
    return inside + 0.3 * noise, target


def _dice(head: torch.Tensor, target: torch.Tensor) -> float:
    mask = (head > 0).float()
    both = (mask * target).sum(dim=(0, *range(2, target.ndim)))
    each = (mask + target).sum(dim=(0, *range(2, target.ndim)))
    return float((2 * both / each).mean())
