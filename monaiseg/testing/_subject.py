"""What is checked: a network, encoder or block in one number of dimensions, built small, on made-up input."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import nn

from monaiseg._registry import Entry, registry
from monaiseg._seeding import seeded
from monaiseg.build import build, build_network
from monaiseg.specs import BlockSpec, EncoderSpec, NetworkSpec
from monaiseg.testing._observe import Observation, observe
from monaiseg.testing._outcome import energy

IN_CHANNELS = 3
OUT_CHANNELS = 2
BLOCK_CHANNELS: Mapping[str, Mapping[str, int]] = {
    "unit": {"in_channels": 8, "out_channels": 16, "stride": 1},
    "attention": {"channels": 16},
    "gate": {"skip_channels": 8, "x_channels": 16},
    "context": {"in_channels": 16, "out_channels": 8},
}


class Subject:
    """One entry of the registry in one number of dimensions.

    Attributes:
        options: what it is built with: the spec's `tiny`, or an encoder's where it has one, and those given.
        divisor: what the spec says that sizes are divisible by, for these options.
        min_size: what it says that they are at least.
    """

    def __init__(self, entry: Entry, spatial_dims: int, options: Mapping[str, Any] | None = None) -> None:
        self.entry = entry
        self.spec = entry.spec
        self.spatial_dims = spatial_dims
        self.given = dict(options or {})
        self.options = {**_tiny(entry, self.given), **self.given}

    @property
    def label(self) -> str:
        """As messages name it: `network 'unet'`."""
        return f"{self.spec.kind} {self.spec.name!r}"

    def rule(self, name: str) -> Any:
        """Return what a size rule of the spec gives for the options; blocks have none and take any size."""
        rule = getattr(self.spec, name, 1)
        return rule(self.options) if callable(rule) else rule

    @cached_property
    def divisor(self) -> int:
        """What sizes are divisible by; 1 where the rule is of no use, which a check of its own tells."""
        return self._whole("size_divisor")

    @cached_property
    def min_size(self) -> int:
        """What sizes are at least."""
        return self._whole("min_size")

    def _whole(self, name: str) -> int:
        try:
            value = self.rule(name)
        except Exception:
            return 1
        return value if isinstance(value, int) and value > 0 else 1

    @property
    def step(self) -> int:
        """The smallest side from 8 that is divisible and large enough."""
        least = max(self.min_size, 8)
        return -(-least // self.divisor) * self.divisor

    @property
    def plain(self) -> tuple[int, ...]:
        """A size that every network must take: divisible, small, but not the smallest."""
        return (2 * self.step, 2 * self.step) if self.spatial_dims == 2 else (2 * self.step, self.step, self.step)

    @property
    def odd(self) -> tuple[int, ...]:
        """A size of odd, unequal sides; for encoders and blocks a divisible one of unequal sides."""
        if self.spec.kind == "network":
            return (2 * self.step - 1, self.step + 3, self.step + 1)[: self.spatial_dims]
        return (self.step, 2 * self.step, self.step)[: self.spatial_dims]

    @property
    def required(self) -> dict[str, int]:
        """The options that its kind needs, beside `spatial_dims`."""
        if isinstance(self.spec, BlockSpec):
            return dict(BLOCK_CHANNELS[self.spec.role])
        channels = {"in_channels": IN_CHANNELS}
        return channels | {"out_channels": OUT_CHANNELS} if isinstance(self.spec, NetworkSpec) else channels

    def build(self, seed: int = 0, **changes: Any) -> nn.Module:
        """Return it with initial weights of that seed, in training; `changes` go over the options."""
        wanted = {"spatial_dims": self.spatial_dims, **self.required, **self.options, **changes}
        with seeded(seed):
            return construct(self.spec.kind, self.entry.qualified, wanted)

    def build_default(self) -> nn.Module:
        """Return it with its own defaults, but for the options that were given."""
        wanted = {"spatial_dims": self.spatial_dims, **self.required, **self.given}
        with seeded(0):
            return construct(self.spec.kind, self.entry.qualified, wanted)

    def trained(self, **changes: Any) -> nn.Module:
        """Return it after a step of training, which moves weights and statistics away from their initial values."""
        module = self.build(**changes)
        parameters = [p for p in module.parameters() if p.requires_grad]
        train_step(module, *self.inputs(seed=1))
        if parameters:
            torch.optim.SGD(parameters, lr=1e-3).step()
        module.zero_grad()
        return module

    def inputs(
        self, batch: int = 2, size: tuple[int, ...] | None = None, seed: int = 0, channels: int | None = None
    ) -> tuple[torch.Tensor, ...]:
        """Return what it is called with: images, or a block's maps, of normal noise."""
        size = size or self.plain
        spec = self.spec
        if isinstance(spec, BlockSpec):
            given = {**self.required, **self.options}
            if spec.role == "gate":
                shapes = [(given["skip_channels"], *(2 * side for side in size)), (given["x_channels"], *size)]
            else:
                shapes = [(given["channels" if spec.role == "attention" else "in_channels"], *size)]
        else:
            shapes = [(channels or IN_CHANNELS, *size)]
        generator = torch.Generator().manual_seed(seed)
        return tuple(torch.randn(batch, *shape, generator=generator) for shape in shapes)

    def variants(self) -> list[dict[str, Any]]:
        """Return the options that give each of its forms in training: with deep supervision too, where it has it."""
        deep = isinstance(self.spec, NetworkSpec) and self.spec.deep_supervision
        return [{}, {"deep_supervision": True}] if deep else [{}]

    def takes(self, size: tuple[int, ...]) -> bool:
        """Tell whether it can be evaluated at a size; where it cannot and should, the check of sizes says so."""
        try:
            evaluate(self.build(), *self.inputs(size=size))
        except Exception:
            return False
        return True

    @cached_property
    def observation(self) -> Observation:
        """What a fresh process saw of its import and construction."""
        return observe(self.entry, {**self.required, **self.options})


def construct(kind: str, name: str, options: Mapping[str, Any]) -> nn.Module:
    """Return the network, encoder or block of that name."""
    return build_network(name, **options) if kind == "network" else build(kind, name, options)


def _tiny(entry: Entry, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that make it small; those of an encoder, where a network is built on one."""
    spec = entry.spec
    if isinstance(spec, NetworkSpec) and given.get("encoder"):
        encoder = registry().find("encoder", given["encoder"]).spec
        assert isinstance(encoder, EncoderSpec)
        return {"encoder_options": dict(encoder.tiny)} if encoder.tiny else {}
    return dict(getattr(spec, "tiny", {}))


def evaluate(module: nn.Module, *inputs: torch.Tensor) -> Any:
    """Return what it gives in evaluation, without gradients."""
    with torch.no_grad():
        return module.eval()(*inputs)


def train_step(module: nn.Module, *inputs: torch.Tensor) -> Any:
    """Return what it gives in training, after a backward pass from all of that."""
    with seeded(1):
        output = module.train()(*inputs)
        loss = energy(output)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
    return output
