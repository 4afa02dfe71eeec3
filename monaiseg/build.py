"""Builds networks, encoders and blocks by name; what a builder does not understand is refused before it is called."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

from torch import nn

from monaiseg._registry import Entry, registry
from monaiseg.errors import ConfigError, MonaisegError, OptionError, PluginError, suggest
from monaiseg.specs import BlockSpec, NetworkSpec, Role


def build_network(
    name: str,
    *,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    deep_supervision: bool | Literal["auto"] = False,
    encoder: str = "none",
    pretrained: str = "none",
    freeze: bool = False,
    arch_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> nn.Module:
    """Return the network `name`, from images `[B, in_channels, *S]` to logits `[B, out_channels, *S]`.

    Args:
        name: a network's name, or `plugin:name`.
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        out_channels: channels of the logits.
        deep_supervision: train on several outputs; `"auto"`: where the network can.
        encoder: name of an encoder for a network that takes one; `"none"`: its own.
        pretrained: weights for the encoder, a path or a word that it knows; `"none"`: initial ones.
        freeze: keep the encoder as it is.
        arch_options: further options of the network, as a bundle's `arch_options` gives them.
        options: the same, as keywords.

    Raises:
        NameNotFound, AmbiguousName: no plugin has that network, or several have.
        OptionError: the network has no such option, lacks a needed one, or refuses a value.
        PluginError: the builder cannot be imported, or fails.
    """
    entry = registry().find("network", name)
    assert isinstance(entry.spec, NetworkSpec)
    if not isinstance(deep_supervision, bool) and deep_supervision != "auto":
        raise ConfigError(f"deep_supervision is {deep_supervision!r}; it must be True, False or auto")
    if deep_supervision is True and not entry.spec.deep_supervision:
        raise OptionError(f"network {name!r} has no deep supervision; set deep_supervision to False or auto")
    for key, value in (("in_channels", in_channels), ("out_channels", out_channels)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(f"{key} is {value!r}; it must be a whole number from 1")
    wanted = dict(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
    wanted |= _encoder_options(encoder, pretrained, freeze) | _own_options(arch_options, options)
    if entry.spec.deep_supervision:
        wanted["deep_supervision"] = bool(deep_supervision)
    return _build(entry, wanted)


def _encoder_options(encoder: str, pretrained: str, freeze: bool) -> dict[str, Any]:
    """Return what differs from the default, so that a network without encoders is not asked for them."""
    if not isinstance(freeze, bool):
        raise ConfigError(f"freeze is {freeze!r}; it must be True or False")
    given = {"encoder": encoder, "pretrained": pretrained, "freeze": freeze}
    return {key: value for key, value in given.items() if value not in ("none", None, False)}


def _own_options(arch_options: Mapping[str, Any] | None, options: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(arch_options, Mapping | None):
        raise ConfigError(f"arch_options is {arch_options!r}; it must be a mapping such as {{'norm': 'instance'}}")
    own = {**(arch_options or {}), **options}
    for key in ("spatial_dims", "in_channels", "out_channels", "deep_supervision", "encoder", "pretrained", "freeze"):
        if key in own:
            raise ConfigError(f"arch_options has {key!r}, which is a setting of its own; set {key} instead")
    return own


def build(kind: str, name: str, options: Mapping[str, Any], role: Role | None = None) -> nn.Module:
    """Return the encoder, or the block (of a role) `name`; raises as `build_network` does."""
    entry = registry().find(kind, name)
    if isinstance(entry.spec, BlockSpec) and role not in (None, entry.spec.role):
        can = ", ".join(e.spec.name for e in registry().entries("block") if getattr(e.spec, "role", None) == role)
        raise OptionError(f"block {name!r} is of role {entry.spec.role}, not {role}; of role {role} are {can}")
    return _build(entry, options)


def _build(entry: Entry, options: Mapping[str, Any]) -> nn.Module:
    builder = resolve(entry)
    label = f"{entry.spec.kind} {entry.spec.name!r}"
    if options["spatial_dims"] not in entry.spec.spatial_dims:
        can = " or ".join(map(str, entry.spec.spatial_dims))
        raise OptionError(f"{label} takes spatial_dims {can}, not {options['spatial_dims']!r}")
    _check_options(label, builder, options)
    try:
        module = builder(**options)
    except (ValueError, TypeError) as error:
        raise OptionError(f"{label} refuses its options: {error}") from error
    except MonaisegError:
        raise
    except Exception as error:
        raise PluginError(
            f"{label} of plugin {entry.plugin.label} failed to build: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(module, nn.Module):
        raise PluginError(f"{label} of plugin {entry.plugin.label} built a {type(module).__name__}, not a Module")
    return module


def resolve(entry: Entry) -> Callable[..., Any]:
    """Return the builder of an entry; raises `PluginError` where it cannot be imported."""
    module, _, attribute = entry.spec.build.partition(":")
    label = f"{entry.spec.kind} {entry.spec.name!r} of plugin {entry.plugin.label}: its builder {entry.spec.build!r}"
    try:
        builder: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{label} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(builder):
        raise PluginError(f"{label} is not callable but {builder!r}")
    return builder


def _check_options(label: str, builder: Callable[..., Any], options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(builder).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    known = {p.name for p in parameters}
    for option in options:
        if option not in known:
            raise OptionError(f"{label} has no option {option!r}{suggest(option, known)}")
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in options]
    if missing:
        raise OptionError(f"{label} needs the option {missing[0]!r}")
