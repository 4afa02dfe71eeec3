"""What a plugin says of the things it provides: one frozen record for each network, encoder or block."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal

Role = Literal["unit", "attention", "gate", "context"]
SizeRule = int | Callable[[Mapping[str, Any]], int]
"""A number of pixels, or a function of the builder's options that gives one."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_BUILDER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _empty() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class _Spec:
    """The fields that all three kinds share.

    Attributes:
        name: what users type, `[a-z][a-z0-9_]*`.
        build: the builder as `"module:attribute"`, imported when first used.
        summary: one line for listings.
        spatial_dims: the dimensions it can be built in.
        paper: citation.
        licence: licence and patent notes.
        expected_failures: name of a conformance check to the reason why it cannot pass.
    """

    kind: ClassVar[str]

    name: str
    build: str
    summary: str
    spatial_dims: tuple[int, ...]
    paper: str = ""
    licence: str = ""
    expected_failures: Mapping[str, str] = field(default_factory=_empty)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ValueError(f"name {self.name!r} must match {_NAME.pattern}")
        if not isinstance(self.build, str) or not _BUILDER.fullmatch(self.build):
            raise ValueError(f"build {self.build!r} of {self.name!r} must be written 'module:attribute'")
        if not isinstance(self.summary, str) or not self.summary or "\n" in self.summary:
            raise ValueError(f"summary of {self.name!r} must be one line")
        if self.spatial_dims not in ((2,), (3,), (2, 3)):
            raise ValueError(f"spatial_dims {self.spatial_dims!r} of {self.name!r} must be (2,), (3,) or (2, 3)")


@dataclass(frozen=True, kw_only=True)
class NetworkSpec(_Spec):
    """A network: `build(*, spatial_dims, in_channels, out_channels, deep_supervision=False, ...) -> nn.Module`.

    Attributes:
        size_divisor: sizes divisible by it need no padding.
        min_size: the smallest side it takes.
        deep_supervision: whether the option is understood.
        auxiliary: names of further training outputs.
        tiny: options that give a model under 1 M parameters.
        weights: name of a foreign layout to a function `dict -> dict` as `"module:attribute"`.
    """

    kind: ClassVar[str] = "network"

    size_divisor: SizeRule = 1
    min_size: SizeRule = 1
    deep_supervision: bool = False
    auxiliary: tuple[str, ...] = ()
    tiny: Mapping[str, Any] = field(default_factory=_empty)
    weights: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, kw_only=True)
class EncoderSpec(_Spec):
    """An encoder: `build(*, spatial_dims, in_channels, pretrained=None, freeze=False)`, feature maps finest first.

    Attributes: as those of `NetworkSpec`.
    """

    kind: ClassVar[str] = "encoder"

    size_divisor: SizeRule = 1
    min_size: SizeRule = 1
    tiny: Mapping[str, Any] = field(default_factory=_empty)
    weights: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, kw_only=True)
class BlockSpec(_Spec):
    """A block of one of four roles, each built with keyword arguments and `spatial_dims`.

    Attributes:
        role: `unit(in_channels, out_channels, stride)`, `attention(channels)`, `gate(skip_channels, x_channels)`
            called with both maps, or `context(in_channels, out_channels)`.
    """

    kind: ClassVar[str] = "block"

    role: Role

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.role not in ("unit", "attention", "gate", "context"):
            raise ValueError(f"role {self.role!r} of {self.name!r} must be unit, attention, gate or context")


Spec = NetworkSpec | EncoderSpec | BlockSpec
