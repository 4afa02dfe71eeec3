"""Checks of what a network gives: one tensor of logits, at any size, or the training outputs that its spec declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from monai.inferers import sliding_window_inference
from torch import nn

from monaiseg.specs import NetworkSpec
from monaiseg.testing._check import NotApplicable, check, require
from monaiseg.testing._outcome import heads, main_head, named, require_finite, require_same, shape
from monaiseg.testing._subject import OUT_CHANNELS, Subject, evaluate


@check("evaluation gives one float tensor")
def evaluation(subject: Subject) -> None:
    """The type of the output is looked at, with deep supervision and without."""
    for variant in subject.variants():
        (x,) = subject.inputs()
        output = evaluate(subject.build(**variant), x)
        given = str(output.dtype) if isinstance(output, torch.Tensor) else f"a {type(output).__name__}"
        told = f"with {variant}, " if variant else ""
        require(given == str(x.dtype), f"{told}evaluation gives {given}, not a tensor of {x.dtype}")
        require_finite(output, "in evaluation")


@check("any number of channels and classes")
def channels(subject: Subject) -> None:
    """Built for 1, 3 and 4 channels and 1, 2 and 5 classes, it gives `[B, classes, *spatial]`."""
    for channels, classes in ((1, 1), (3, 2), (4, 5)):
        network = subject.build(in_channels=channels, out_channels=classes)
        for batch in (1, 2):
            (x,) = subject.inputs(batch, channels=channels)
            _require_shape(evaluate(network, x), (batch, classes, *subject.plain), x)


@check("any size from `min_size` on, odd ones and unequal sides too")
def sizes(subject: Subject) -> None:
    """One network is evaluated at five sizes, from the smallest on, and gives logits of each."""
    network = subject.build()
    least, step = subject.min_size, subject.step
    smallest = (least,) * subject.spatial_dims
    longer = (step, *(step,) * (subject.spatial_dims - 2), 3 * step)
    for size in (subject.plain, subject.odd, subject.odd[::-1], smallest, longer):
        (x,) = subject.inputs(1, size)
        try:
            output = evaluate(network, x)
        except Exception as error:
            raise type(error)(f"at size {_by(size)}: {error}") from error
        _require_shape(output, (1, OUT_CHANNELS, *size), x)


@check("an image's logits do not depend on the others in its batch", after=("builds", "repeatable"))
def batch(subject: Subject) -> None:
    """In evaluation, two images together give what each gives alone."""
    network = subject.build()
    (x,) = subject.inputs()
    alone = torch.cat([main_head(evaluate(network, image)) for image in torch.split(x, 1)])
    require_same(main_head(evaluate(network, x)), alone, "beside another image")


@check("training gives a tensor, list or dict as the contract has it", after=("builds", "repeatable", "logits"))
def training_outputs(subject: Subject) -> None:
    """With norms and dropout in evaluation, the main head of training must equal evaluation, and all have its size."""
    spec = subject.spec
    assert isinstance(spec, NetworkSpec)
    sizes = [size for size in (subject.plain, subject.odd) if size == subject.plain or subject.takes(size)]
    for variant in subject.variants():
        for size in sizes:
            network = subject.build(**variant)
            (x,) = subject.inputs(size=size)
            wanted = main_head(evaluate(network, x))
            only_norms_evaluate(network)
            found = network(x)
            _require_form(found, spec.auxiliary, deep=bool(variant))
            for head in heads(found):
                _require_shape(head, tuple(wanted.shape), x)
            require_same(heads(found)[0], wanted, f"in training at {_by(size)} with norms and dropout in evaluation")


def _require_form(output: Any, auxiliary: tuple[str, ...], deep: bool) -> None:
    kind = type(output).__name__
    if auxiliary:
        keys = sorted(["logits", *auxiliary])
        require(isinstance(output, Mapping), f"training gives a {kind}, not a dict of {named(keys)}")
        found = sorted(output)
        require(found == keys, f"training gives {named(found)}, and the spec declares {named(keys)}")
        for key in auxiliary:
            require(isinstance(output[key], torch.Tensor), f"{key} is a {type(output[key]).__name__}, not a tensor")
        output = output["logits"]
        kind = f"{type(output).__name__} of logits"
    if deep:
        several = isinstance(output, list) and len(output) > 1 and all(isinstance(t, torch.Tensor) for t in output)
        require(several, f"training with deep supervision gives a {kind}, not a list of tensors")
    else:
        require(isinstance(output, torch.Tensor), f"training gives a {kind}, not a tensor")


@check("divisible sizes need no padding", after=("builds", "repeatable"))
def size_divisor(subject: Subject) -> None:
    """At sizes of `size_divisor` times k the unpadded computation gives what the padded one does."""
    network = subject.build()
    if not unpad(network):
        raise NotApplicable("it has no pad_input, so it pads nothing that could be left out")
    for size in (subject.plain, tuple(side + subject.divisor for side in subject.plain)):
        (x,) = subject.inputs(1, size)
        require_same(evaluate(network, x), evaluate(subject.build(), x), f"unpadded at {_by(size)}")


def only_norms_evaluate(network: nn.Module) -> None:
    """Set the mode to training, but for norm and dropout layers."""
    network.train()
    for module in network.modules():
        name = type(module).__name__.lower()
        if module is not network and ("norm" in name or "drop" in name):
            module.training = False


def unpad(network: nn.Module) -> bool:
    """Set all modules that pad their input to the unpadded computation; tell whether there are any."""
    padding = [module for module in network.modules() if hasattr(module, "pad_input")]
    for module in padding:
        module.pad_input = False  # type: ignore[assignment]
    return bool(padding)


@check("works under MONAI's sliding window", after=("builds", "repeatable"))
def sliding_window(subject: Subject) -> None:
    """An image of a few windows, four at a time, gives logits of its size; one window gives what the network gives."""
    network = subject.build().eval()
    roi = subject.plain
    (x,) = subject.inputs(1, tuple(side + subject.step for side in roi))
    (window,) = subject.inputs(1)
    with torch.no_grad():
        found = sliding_window_inference(x, roi, 4, network, overlap=0.25)
        _require_shape(main_head(found), (1, OUT_CHANNELS, *x.shape[2:]), x)
        alone = sliding_window_inference(window, roi, 4, network)
    require_same(main_head(alone), main_head(evaluate(network, window)), "in a single window")


def _require_shape(output: Any, wanted: tuple[int, ...], x: torch.Tensor) -> None:
    found = main_head(output)
    require(tuple(found.shape) == wanted, f"for {shape(x)} it gives {shape(found)} instead of {list(wanted)}")


def _by(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
