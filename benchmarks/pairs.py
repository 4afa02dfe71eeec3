"""Each network beside its reference: the second writing in plain torch that the tests hold it against.

Both have the same weights. The reference computes as code of its kind does, in float32 and torch's own order of memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monaiseg import build_network
from monaiseg.weights import layout_owner, resolve_layout

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from plugins.references import ALL_NODES, NESTED_UNET, SMP, UNET_NODES, PlainNested, PlainSmpNested, PlainSmpUnet

from plugins import test_resunetpp_parity as resunetpp
from plugins import test_unet3p_parity as unet3p

Sides = tuple[nn.Module, nn.Module]
WIDTHS = (32, 64, 128, 256, 512)
RESNET = (64, 128, 256, 512)
NESTED = {"upsample": "bilinear_aligned", "bias": True}


@dataclass(frozen=True)
class Pair:
    """A network and its reference.

    Attributes:
        against: what the reference is a writing of.
        make: builds both, ours first.
        evaluated: the input of an evaluation, `(B, C, *spatial)`; `trained`: that of a step of training.
    """

    against: str
    make: Callable[[], Sides]
    evaluated: tuple[int, ...]
    trained: tuple[int, ...]


class Functional(nn.Module):
    """A writing in functions over a state dict, as a module."""

    def __init__(self, compute: Callable[[dict[str, torch.Tensor], bool, torch.Tensor], Any], state: Any) -> None:
        super().__init__()
        learned = {k: nn.Parameter(v) for k, v in state.items() if v.is_floating_point() and "running_" not in k}
        self.compute, self.names, self.learned = compute, list(learned), nn.ParameterList(learned.values())
        self.kept = {key: value for key, value in state.items() if key not in learned}

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Functional:
        super()._apply(fn, recurse)
        self.kept = {key: fn(value) for key, value in self.kept.items()}
        return self

    def forward(self, x: torch.Tensor) -> Any:
        learned = dict(zip(self.names, self.learned, strict=True))
        return self.compute({**self.kept, **learned}, self.training, x)


def carried(reference: nn.Module, layout: str, arch: str, dims: int = 2, **options: Any) -> Sides:
    """Return our network with the weights of the reference, and the reference."""
    network = build_network(arch, spatial_dims=dims, in_channels=3, out_channels=1, **options)
    state = dict(resolve_layout(layout_owner(layout, arch), layout)(reference.state_dict()))
    network.load_state_dict({**network.state_dict(), **state})
    return network, reference


def nested(nodes: Any = ALL_NODES, norm: str = "BatchNorm2d") -> Sides:
    """Return the UNet++ (or with `UNET_NODES` the UNet) of pytorch-nested-unet."""
    reference = PlainNested(WIDTHS, nodes, {"final": 4}, classes=1, norm=norm)
    options = {**NESTED, "features": WIDTHS, "norm": "batch" if norm.startswith("Batch") else "instance"}
    arch = "unetpp" if nodes is ALL_NODES else "unet"
    return carried(reference, NESTED_UNET, arch, int(norm[-2]), arch_options=options)


def full_scale(dims: int = 2) -> Sides:
    """Return the UNet 3+ of its authors; in 3D with our widths and instance norm."""
    network = build_network("unet3p", spatial_dims=dims, in_channels=3, out_channels=1, arch_options={"bias": True})
    state = {key: value.detach().clone() for key, value in network.state_dict().items()}
    theirs = {key: state[ours] for key, ours in unet3p.their_keys(state).items()}
    return network, Functional(lambda state, training, x: unet3p.Plain(state, training)(x)[0], theirs)


def residual_attention() -> Sides:
    """Return the ResUNet++ with the widths of its authors' larger experiments."""
    weights = {k: v.float() for k, v in resunetpp.Shapes(2, 3, WIDTHS).weights().items()}
    options = {"features": WIDTHS}
    network = build_network("resunetpp", spatial_dims=2, in_channels=3, out_channels=1, arch_options=options)
    network.load_state_dict(resunetpp.carried(weights, 2))
    return network, Functional(lambda state, training, x: resunetpp.Plain(2, state, training)(x), weights)


NESTED_UNET_NAME, SMP_NAME = "pytorch-nested-unet", "segmentation_models.pytorch"
PLAIN: Mapping[str, Pair] = {
    "UNet++": Pair(NESTED_UNET_NAME, nested, (4, 3, 256, 256), (2, 3, 256, 256)),
    "UNet": Pair(NESTED_UNET_NAME, lambda: nested(UNET_NODES), (4, 3, 256, 256), (2, 3, 256, 256)),
    "UNet3+": Pair("UNet-Version", full_scale, (1, 3, 256, 256), (1, 3, 256, 256)),
    "ResUNet++": Pair("ResUNetPlusPlus", residual_attention, (2, 3, 256, 256), (2, 3, 256, 256)),
    "UNet++ on ResNet-34": Pair(
        SMP_NAME,
        lambda: carried(PlainSmpNested(34, RESNET, classes=1), SMP, "unetpp", encoder="resnet34"),
        (4, 3, 256, 256),
        (4, 3, 256, 256),
    ),
    "UNet on ResNet-34": Pair(
        SMP_NAME,
        lambda: carried(PlainSmpUnet(34, RESNET, (256, 128, 64, 32, 16), 1), SMP, "unet", encoder="resnet34"),
        (4, 3, 256, 256),
        (4, 3, 256, 256),
    ),
    "UNet++, instance norm": Pair(
        NESTED_UNET_NAME, lambda: nested(norm="InstanceNorm2d"), (4, 3, 256, 256), (4, 3, 256, 256)
    ),
    "UNet++ 3D, instance norm": Pair(
        NESTED_UNET_NAME, lambda: nested(norm="InstanceNorm3d"), (2, 3, 48, 48, 48), (2, 3, 32, 32, 32)
    ),
    "UNet3+ 3D, instance norm": Pair("UNet-Version", lambda: full_scale(3), (2, 3, 32, 32, 32), (2, 3, 32, 32, 32)),
}
"""Beside the second writing in plain torch that the tests have of what is named."""


def pairs() -> Mapping[str, Pair]:
    """Return all, with segmentation_models.pytorch itself in place of its second writing where it is installed."""
    if find_spec("segmentation_models_pytorch") is None:
        return PLAIN
    smp = _smp()

    def of_smp(kind: str, arch: str) -> Sides:
        theirs = getattr(smp, kind)("resnet34", encoder_weights=None, classes=1)
        return carried(theirs, SMP, arch, encoder="resnet34")

    real = {
        "UNet++ on ResNet-34": lambda: of_smp("UnetPlusPlus", "unetpp"),
        "UNet on ResNet-34": lambda: of_smp("Unet", "unet"),
    }
    package = f"{SMP_NAME} {smp.__version__}"
    return {**PLAIN, **{name: Pair(package, make, (4, 3, 256, 256), (4, 3, 256, 256)) for name, make in real.items()}}


def _smp() -> Any:
    """Import it; PyPI's torchvision, which it imports, misses its operators beside a build of torch for the CPU."""
    if not torch.version.cuda:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    return import_module("segmentation_models_pytorch")
