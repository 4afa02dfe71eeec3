"""Weights from elsewhere: a foreign state dict turned into one of our networks', with every weight accounted for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monaiseg._files import make_folder, write_bytes
from monaiseg._registry import Entry, registry
from monaiseg._tensors import as_bytes, read_tensors
from monaiseg.build import build_network
from monaiseg.errors import ConfigError, OutputError, PluginError, suggest

State = Mapping[str, torch.Tensor]
Convert = Callable[[dict[str, torch.Tensor]], State]
"""A foreign state dict to ours; raises `ValueError` where there are keys that it does not understand."""
Shape = tuple[int, ...]


@dataclass(frozen=True)
class WeightsMatch:
    """What became of each weight, by its name in our network.

    Attributes:
        matched: in the file and in the network, of one shape.
        missing: in the network only.
        unexpected: in the file only.
        misshapen: in both, of the shapes (file's, network's).
        untouched: of the network, outside the encoder that the file is for.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: Mapping[str, tuple[Shape, Shape]]
    untouched: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is left over on either side."""
        return not (self.missing or self.unexpected or self.misshapen)

    def __str__(self) -> str:
        shapes = [f"{name} is {_shape(a)}, not {_shape(b)}" for name, (a, b) in self.misshapen.items()]
        found = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": shapes}
        counts = [f"{len(names)} {how} ({_some(names)})" for how, names in found.items() if names]
        return ", ".join([f"{len(self.matched)} of the network's weights match", *counts])


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a number"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


class UnmatchedWeights(ConfigError):
    """The file and the network do not have the same weights; `match` says how they differ."""

    def __init__(self, message: str, match: WeightsMatch) -> None:
        super().__init__(message)
        self.match = match


def import_weights(
    path: Path, layout: str, arch: str, *, encoder: str = "none", partial: bool = False, **options: Any
) -> tuple[nn.Module, WeightsMatch]:
    """Return the network `arch` with the weights of a file that another project wrote, and what became of each.

    A layout of the encoder fills the network's encoder alone. What the file does not fill is drawn from seed 0.

    Args:
        path: a state dict, or a dict that has one as `state_dict`.
        layout: one that the network's spec, or else its encoder's, names under `weights`.
        encoder: name of the network's encoder; `"none"`: its own.
        partial: load what matches rather than raise.
        options: those of `build_network`.

    Raises:
        UnmatchedWeights: weights are left over on either side or, with `partial`, nothing matches.
        ConfigError: the file cannot be read or is of another layout, or nobody reads that layout.
        PluginError: the plugin's function fails.
    """
    owner = layout_owner(layout, arch, encoder)
    found = converted(read_state(path), layout, owner, str(path))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(arch, encoder=encoder, **options)
    prefix = "" if owner.spec.kind == "network" else _encoder_prefix(network, arch)
    found = {prefix + name: weight for name, weight in found.items()}
    match = _match(found, network.state_dict(), prefix)
    if not match.matched or not (match.complete or partial):
        mend = "; check the layout and the network's options" + ("" if partial else ", or load what matches: --partial")
        raise UnmatchedWeights(f"{path}: does not fit {_label(owner)}: {match}{mend}", match)
    network.load_state_dict({name: found[name] for name in match.matched}, strict=False)
    return network, match


def _label(entry: Entry) -> str:
    return f"{entry.spec.kind} {entry.spec.name!r}"


def _encoder_prefix(network: nn.Module, arch: str) -> str:
    if not isinstance(getattr(network, "encoder", None), nn.Module):
        raise ConfigError(f"network {arch!r} has no part called encoder; a layout of encoders cannot be put into it")
    return "encoder."


def _match(found: State, target: State, prefix: str) -> WeightsMatch:
    wanted = {name: tuple(weight.shape) for name, weight in target.items() if name.startswith(prefix)}
    given = {name: tuple(weight.shape) for name, weight in found.items()}
    both = [name for name in wanted if name in given]
    return WeightsMatch(
        matched=tuple(name for name in both if given[name] == wanted[name]),
        missing=tuple(name for name in wanted if name not in given),
        unexpected=tuple(name for name in given if name not in wanted),
        misshapen={name: (given[name], wanted[name]) for name in both if given[name] != wanted[name]},
        untouched=tuple(name for name in target if name not in wanted),
    )


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict in a file, on the CPU, without the `module.` that parallel training puts before all names.

    Raises:
        ConfigError: the file cannot be read, holds more than tensors, or no state dict.
    """
    content = read_tensors(path)
    state = content.get("state_dict", content) if isinstance(content, Mapping) else content
    if not isinstance(state, Mapping) or not state or not all(isinstance(w, torch.Tensor) for w in state.values()):
        keys = f" with the keys {_some([str(key) for key in state])}" if isinstance(state, Mapping) and state else ""
        raise ConfigError(f"{path}: holds a {type(state).__name__}{keys}, not a state dict; save a state dict alone")
    odd = next((name for name, weight in state.items() if not _is_plain(weight)), None)
    if odd is not None:
        raise ConfigError(f"{path}: {odd} is sparse, quantised or without values; save plain tensors")
    parallel = all(str(name).startswith("module.") for name in state)
    return {str(name).removeprefix("module.") if parallel else str(name): weight for name, weight in state.items()}


def _is_plain(weight: torch.Tensor) -> bool:
    return weight.layout == torch.strided and not weight.is_quantized and not weight.is_meta


def layout_owner(layout: str, arch: str, encoder: str = "none") -> Entry:
    """Return the network, or where that has no such layout its encoder, whose spec names the layout.

    Raises:
        ConfigError: neither does; the message lists those that there are.
        NameNotFound, AmbiguousName: no plugin has the network or the encoder, or several have.
    """
    entries = [registry().find("network", arch)]
    if encoder != "none":
        entries.append(registry().find("encoder", encoder))
    for entry in entries:
        if layout in _weights(entry):
            return entry
    have = " and ".join(f"{_label(entry)} reads {', '.join(_weights(entry)) or 'none'}" for entry in entries)
    near = suggest(layout, {name for entry in entries for name in _weights(entry)})
    hint = near if "did you mean" in near else ""
    if encoder == "none" and any(layout in _weights(entry) for entry in registry().entries("encoder")):
        hint = "; it is a layout of encoders, name one with --encoder"
    raise ConfigError(f"no layout {layout!r}: {have}{hint}")


def _weights(entry: Entry) -> Mapping[str, str]:
    return getattr(entry.spec, "weights", {})


def resolve_layout(entry: Entry, layout: str) -> Convert:
    """Return the function that an entry's spec names for a layout; raises `PluginError` where it cannot be had."""
    target = _weights(entry)[layout]
    module, _, attribute = target.partition(":")
    try:
        convert: Convert = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{_label(entry)} of plugin {entry.plugin.label}: {target!r} for its layout {layout!r} cannot be "
            f"imported: {type(error).__name__}: {error}"
        ) from error
    return convert


def converted(state: dict[str, torch.Tensor], layout: str, owner: Entry, source: str) -> State:
    """Return a foreign state dict, which came from `source`, with the names that `owner` gives them.

    Raises:
        ConfigError: it has keys that are not of the layout.
        PluginError: the plugin's function cannot be had, fails, or gives something else.
    """
    convert = resolve_layout(owner, layout)
    try:
        ours = convert(dict(state))
    except ValueError as error:
        raise ConfigError(f"{source}: is not of the layout {layout!r} of {_label(owner)}: {error}") from error
    except Exception as error:
        raise PluginError(
            f"{_label(owner)} of plugin {owner.plugin.label} failed to read its layout {layout!r}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(ours, Mapping) or not all(isinstance(weight, torch.Tensor) for weight in ours.values()):
        raise PluginError(f"{_label(owner)} of plugin {owner.plugin.label}: its layout {layout!r} gave no state dict")
    return ours


def save_weights(network: nn.Module, path: Path) -> Path:
    """Write the network's state dict to a new file and return its path; raises `OutputError` if it is there already."""
    refuse_existing(path)
    make_folder(path.parent)
    write_bytes(path, as_bytes(network.state_dict()))
    return path


def refuse_existing(path: Path) -> None:
    """Raise `OutputError` if there is anything at `path`."""
    if path.exists() or path.is_symlink():
        raise OutputError(f"{path}: is there already; choose another --output")
