"""Checks of values: that evaluation can be repeated, saved, copied, and computed in other ways."""

from __future__ import annotations

import copy
import io
from typing import Any

import torch

from monaiseg.nn import narrow_strided
from monaiseg.testing._check import KINDS, check, require
from monaiseg.testing._outcome import named, require_finite, require_finite_gradients, require_same, tensors
from monaiseg.testing._subject import Subject, evaluate, train_step

BF16_TOLERANCE = 0.1
"""Relative to the norm of the output: bfloat16 has eight bits, and layers add up."""


@check("evaluation can be repeated", kinds=KINDS)
def repeatable(subject: Subject) -> None:
    """The same input gives the same output bit for bit, another between them."""
    module = subject.build()
    x = subject.inputs()
    first = tensors(evaluate(module, *x))
    evaluate(module, *subject.inputs(seed=1))
    again = tensors(evaluate(module, *x))
    same = len(first) == len(again) and all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    require(same, "the same input gives another output the second time: is there dropout, or state, in evaluation?")


@check("leaves its input as it is", kinds=KINDS)
def input_kept(subject: Subject) -> None:
    """The input is compared with a copy, after training and evaluation."""
    for mode in (True, False):
        inputs = subject.inputs()
        copies = [x.clone() for x in inputs]
        with torch.no_grad():
            subject.build().train(mode)(*inputs)
        kept = all(torch.equal(x, other) for x, other in zip(inputs, copies, strict=True))
        require(kept, f"{'training' if mode else 'evaluation'} changes the input: is there an inplace activation?")


@check("the same seed gives the same weights, another seed others", kinds=KINDS)
def seed(subject: Subject) -> None:
    """It is built three times, under two seeds."""
    first, again, other = (subject.build(seed).state_dict() for seed in (0, 0, 1))
    apart = [key for key in first if not torch.equal(first[key], again[key])]
    require(not apart, f"with the same seed, {named(apart)} differ{'s' if len(apart) == 1 else ''}")
    drawn = {name for name, p in subject.build().named_parameters() if torch.unique(p).numel() > 1}
    if drawn:
        moved = any(not torch.equal(first[key], other[key]) for key in drawn if key in first)
        require(moved, "two seeds give the same weights: the builder must not set a seed of its own")


@check("the state dict holds all there is", kinds=KINDS, after=("builds", "repeatable"))
def state_dict(subject: Subject) -> None:
    """After a step of training it is saved, loaded with `weights_only`, strictly, and must give the same outputs."""
    module = subject.trained()
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = subject.build(seed=1)
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    require_same(evaluate(other, *subject.inputs()), evaluate(module, *subject.inputs()), "loaded", 1e-6)


@check("can be copied", kinds=KINDS, after=("builds", "repeatable"))
def deepcopy(subject: Subject) -> None:
    """A deepcopy after a step of training gives the same outputs and shares no parameter."""
    module = subject.trained()
    wanted = evaluate(module, *subject.inputs())
    twin = copy.deepcopy(module)
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
    require_same(evaluate(twin, *subject.inputs()), wanted, "as a copy, the first one zeroed", 1e-6)


@check("computes under bfloat16 autocast", kinds=KINDS, after=("builds", "gradients", "repeatable"))
def bf16(subject: Subject) -> None:
    """Training gives finite outputs and gradients, and evaluation what float32 gives, within a tenth of its norm."""
    module = subject.build()
    # Maps of depth 2 get wrong gradients from a convolution in bfloat16 itself (oneDNN, AVX-512); halving 3 has none.
    size = (3 * subject.step, subject.step, subject.step) if subject.spatial_dims == 3 else subject.plain
    with torch.autocast("cpu", torch.bfloat16):
        require_finite(train_step(module, *subject.inputs(size=size)), "under bfloat16")
    require_finite_gradients(module, "under bfloat16")
    module = subject.build()
    with torch.autocast("cpu", torch.bfloat16):
        found = tensors(evaluate(module, *subject.inputs()))
    for one, other in zip(found, tensors(evaluate(module, *subject.inputs())), strict=True):
        apart = float((one.float() - other).norm() / other.norm().clamp_min(1e-6))
        require(apart <= BF16_TOLERANCE, f"under bfloat16 it is {apart:.0%} away from float32")


@check("channels-last memory gives the same", kinds=KINDS, after=("builds", "repeatable"))
def channels_last(subject: Subject) -> None:
    """Network and input in channels-last order, in evaluation and through a step of training."""
    unsafe = narrow_strided(subject.build())
    fault = "strided 1x1 convolutions of under 16 channels corrupt memory in channels-last (uxlfoundation/oneDNN#6035)"
    require(not unsafe, f"{named(unsafe)}: {fault}; slice, then convolve")
    layout: Any = torch.channels_last if subject.spatial_dims == 2 else torch.channels_last_3d
    module = subject.build()
    wanted = evaluate(module, *subject.inputs())
    module = module.to(memory_format=layout)  # type: ignore[call-overload]
    inputs = [x.contiguous(memory_format=layout) for x in subject.inputs()]
    require_same(evaluate(module, *inputs), wanted, "in channels-last order")
    train_step(module, *inputs)
