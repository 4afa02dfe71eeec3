"""Checks of encoders and blocks: what maps they give."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch

from monaiseg._registry import Entry, registry
from monaiseg._seeding import seeded
from monaiseg.build import build_network, resolve
from monaiseg.errors import PluginError
from monaiseg.specs import BlockSpec
from monaiseg.testing._check import NotApplicable, check, require
from monaiseg.testing._outcome import main_head, require_finite, require_same, shape, tensors
from monaiseg.testing._subject import OUT_CHANNELS, Subject, evaluate, train_step

ENCODER = ("encoder",)
BLOCK = ("block",)


@check("`out_channels` and `strides` tell what maps it gives, finest first", kinds=ENCODER)
def levels(subject: Subject) -> None:
    """The maps of 1, 3 and 4 channels, of one and two images, are compared with the attributes."""
    for channels in (1, 3, 4):
        encoder = subject.build(in_channels=channels)
        for batch in (1, 2):
            _require_maps(encoder, subject.inputs(batch, channels=channels)[0])


@check("any size that `size_divisor` divides, from `min_size` on", kinds=ENCODER, after=("builds", "levels"))
def divisible_sizes(subject: Subject) -> None:
    """One encoder is evaluated at the smallest size and at two of unequal sides."""
    encoder = subject.build()
    least = -(-subject.min_size // subject.divisor) * subject.divisor
    for size in ((least,) * subject.spatial_dims, subject.odd, subject.odd[::-1]):
        _require_maps(encoder, subject.inputs(1, size)[0])


def _require_maps(encoder: torch.nn.Module, x: torch.Tensor) -> None:
    maps = evaluate(encoder, x)
    require(isinstance(maps, list | tuple), f"it gives a {type(maps).__name__}, not a list of maps")
    told = [list(getattr(encoder, name, ())) for name in ("out_channels", "strides")]
    lengths = f"it gives {len(maps)} maps, out_channels has {len(told[0])} entries and strides {len(told[1])}"
    require(len(maps) == len(told[0]) == len(told[1]) > 0, lengths)
    volume = 0.0
    for level, (found, channels, stride) in enumerate(zip(maps, *told, strict=True)):
        by = (stride,) * (x.ndim - 2) if isinstance(stride, int) else tuple(stride)
        wanted = [len(x), channels, *(side // factor for side, factor in zip(x.shape[2:], by, strict=True))]
        require(list(found.shape) == wanted, f"map {level} of {shape(x)} is {shape(found)} instead of {wanted}")
        coarser = float(torch.tensor(by).prod())
        require(coarser > volume, f"strides are {told[1]}; maps must come finest first")
        volume = coarser


@check("`freeze` keeps weights and statistics", kinds=ENCODER)
def frozen(subject: Subject) -> None:
    """Built with `freeze=True` no parameter wants a gradient, and a forward pass in training changes no state."""
    encoder = subject.build(freeze=True)
    wanting = [name for name, p in encoder.named_parameters() if p.requires_grad]
    require(not wanting, f"{wanting[0] if wanting else ''} still wants a gradient")
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    encoder.train()(*subject.inputs())
    moved = [key for key, value in encoder.state_dict().items() if not torch.equal(value, before[key])]
    require(not moved, f"training moves {moved[0] if moved else ''}: are norms kept in evaluation?")
    require_same(encoder(*subject.inputs()), evaluate(encoder, *subject.inputs()), "frozen, in training")


@check("serves networks that take encoders", kinds=ENCODER, after=("builds", "divisible_sizes"))
def in_a_network(subject: Subject) -> None:
    """An installed network that takes encoders is built on it, evaluated and trained at a size of odd sides."""
    taker = next(_takers(), None)
    if taker is None:
        raise NotApplicable("no network that takes encoders is installed")
    options: dict[str, Any] = dict(spatial_dims=subject.spatial_dims, in_channels=3, out_channels=OUT_CHANNELS)
    with seeded(0):
        network = build_network(
            taker.qualified, **options, encoder=subject.entry.qualified, encoder_options=subject.options or None
        )
    (x,) = subject.inputs(size=tuple(side - 1 for side in subject.odd))
    found = main_head(evaluate(network, x))
    require(found.shape[2:] == x.shape[2:], f"{taker.qualified} gives {shape(found)} for {shape(x)}")
    require_finite(train_step(network, x), f"{taker.qualified}, in training")


def _takers() -> Iterator[Entry]:
    """Give the networks that take encoders and their options, our own first."""
    entries = sorted(registry().entries("network"), key=lambda entry: entry.plugin.distribution != "monaiseg")
    for entry in entries:
        with suppress(PluginError):
            if {"encoder", "encoder_options"} <= set(inspect.signature(resolve(entry)).parameters):
                yield entry


@check("gives maps of the shape that its role promises", kinds=BLOCK)
def role(subject: Subject) -> None:
    """At a size of equal and one of unequal sides; a unit also with stride 2, which must halve."""
    assert isinstance(subject.spec, BlockSpec)
    for stride in (1, 2) if subject.spec.role == "unit" else (1,):
        block = subject.build(stride=stride) if stride > 1 else subject.build()
        for size in (subject.plain, subject.odd):
            inputs = subject.inputs(size=size)
            # What a gate weighs is x, its second input.
            channels = {**subject.required, **subject.options}.get("out_channels", inputs[-1].shape[1])
            wanted = [2, channels, *(side // stride for side in size)]
            found = tensors(evaluate(block, *inputs))
            require(len(found) == 1, f"it gives {len(found)} tensors")
            told = f"for {' and '.join(map(shape, inputs))}"
            told += f" and stride {stride}" if stride > 1 else ""
            require(list(found[0].shape) == wanted, f"{told} it gives {shape(found[0])} instead of {wanted}")
