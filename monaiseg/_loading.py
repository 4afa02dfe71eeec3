"""Finds the installed plugins and loads them one at a time, so that a broken one costs only itself."""

from __future__ import annotations

import logging
import os
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

import pluggy
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from monaiseg import hookspecs
from monaiseg.errors import PluginError
from monaiseg.specs import BlockSpec, EncoderSpec, NetworkSpec, Spec

ALLOW = "MONAISEG_PLUGINS"
DENY = "MONAISEG_DISABLE_PLUGINS"
STRICT = "MONAISEG_STRICT_PLUGINS"

logger = logging.getLogger("monaiseg")


@dataclass(frozen=True)
class PluginRecord:
    """One installed plugin and what came of loading it.

    Attributes:
        name: its entry-point name, the one name that all switches use.
        distribution: the distribution it came with, and `version` that one's version.
        status: `loaded`, `disabled` (never imported) or `failed`.
        stage: where it failed: `resolve`, `import`, `register` or `call`.
        error: why, in one line; `details` the traceback.
        specs: what it provides.
    """

    name: str
    distribution: str
    version: str
    status: Literal["loaded", "disabled", "failed"]
    stage: str = ""
    error: str = ""
    details: str = ""
    specs: tuple[Spec, ...] = ()

    @property
    def label(self) -> str:
        """The plugin with where it came from: `toy (toy-dist 1.0)`."""
        return f"{self.name} ({self.distribution} {self.version})"


class _Refused(Exception):
    """A plugin that cannot be loaded, with the stage at which that showed."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage


def load_plugins(core_version: str, environ: Mapping[str, str] = os.environ) -> list[PluginRecord]:
    """Return a record for each entry point of the group `monaiseg.plugins`, sorted by name and distribution.

    Raises:
        PluginError: `MONAISEG_STRICT_PLUGINS=1` is set and a plugin cannot be loaded.
    """
    found = sorted(entry_points(group=hookspecs.GROUP), key=lambda e: (e.name, _origin(e)))
    _warn_of_unknown_switches({e.name for e in found}, environ)
    claims = Counter(e.name for e in found)
    records = []
    for entry in found:
        others = [_origin(e)[0] for e in found if e.name == entry.name] if claims[entry.name] > 1 else []
        record = _load(entry, others, core_version, environ)
        if record.status == "failed":
            message = f"plugin {record.label} failed at {record.stage}: {record.error}"
            if environ.get(STRICT) == "1":
                raise PluginError(message)
            logger.warning("%s (skipped; set %s=%s to silence this)", message, DENY, record.name)
        records.append(record)
    return records


def _names(environ: Mapping[str, str], variable: str) -> set[str]:
    return {name.strip() for name in environ.get(variable, "").split(",") if name.strip()}


def _warn_of_unknown_switches(installed: set[str], environ: Mapping[str, str]) -> None:
    for variable in (ALLOW, DENY):
        for name in sorted(_names(environ, variable) - installed):
            logger.warning("%s names %r, but no such plugin is installed", variable, name)


def _is_disabled(name: str, environ: Mapping[str, str]) -> bool:
    return name in _names(environ, DENY) or (ALLOW in environ and name not in _names(environ, ALLOW))


def _origin(entry: EntryPoint) -> tuple[str, str]:
    # A distribution whose METADATA is gone has neither name nor version.
    return (entry.dist.name or "unknown", entry.dist.version or "0") if entry.dist is not None else ("unknown", "0")


def _load(entry: EntryPoint, claimants: list[str], core_version: str, environ: Mapping[str, str]) -> PluginRecord:
    distribution, version = _origin(entry)
    if _is_disabled(entry.name, environ):
        return PluginRecord(entry.name, distribution, version, "disabled")
    try:
        _check_claim(entry, claimants)
        _check_requirement(entry, core_version)
        specs = _call(_register(entry, _import(entry)))
    except _Refused as refusal:
        return PluginRecord(
            entry.name, distribution, version, "failed", refusal.stage, _one_line(str(refusal)), traceback.format_exc()
        )
    return PluginRecord(entry.name, distribution, version, "loaded", specs=specs)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _check_claim(entry: EntryPoint, claimants: list[str]) -> None:
    if claimants:
        raise _Refused(
            "resolve", f"the entry-point name {entry.name!r} is claimed by {' and '.join(claimants)}; uninstall one"
        )


def _check_requirement(entry: EntryPoint, core_version: str) -> None:
    for text in (entry.dist.requires if entry.dist is not None else None) or []:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise _Refused("resolve", f"its requirement {text!r} cannot be read; reinstall it") from error
        if canonicalize_name(requirement.name) != "monaiseg" or (
            requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})
        ):
            continue
        if not requirement.specifier.contains(core_version, prereleases=True):
            raise _Refused(
                "resolve",
                f"it requires monaiseg{requirement.specifier} and this is {core_version}; "
                f"try pip install --upgrade {_origin(entry)[0]}",
            )


def _import(entry: EntryPoint) -> object:
    # SystemExit too: a plugin that ends the process at import would take the command that removes it along.
    try:
        plugin: object = entry.load()
    except (Exception, SystemExit) as error:
        raise _Refused("import", f"{type(error).__name__}: {error}") from error
    return plugin


def _register(entry: EntryPoint, plugin: object) -> list[pluggy.HookImpl]:
    """Return the plugin's implementations of our hook, through a manager of its own: nothing to undo on failure."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, name=entry.name)
    except Exception as error:
        raise _Refused("register", str(error)) from error
    callers = manager.get_hookcallers(plugin) or []
    unknown = sorted(caller.name for caller in callers if not caller.has_spec())
    if unknown:
        raise _Refused("register", f"it implements the unknown hook {unknown[0]!r}; the hook is monaiseg_specs")
    if not callers:
        raise _Refused("register", f"{entry.value!r} implements no hook; is @hookimpl missing on monaiseg_specs?")
    return [impl for caller in callers for impl in caller.get_hookimpls()]


def _call(implementations: Iterable[pluggy.HookImpl]) -> tuple[Spec, ...]:
    try:
        specs: tuple[Any, ...] = tuple(spec for impl in implementations for spec in impl.function())  # type: ignore
    except (Exception, SystemExit) as error:
        raise _Refused("call", f"monaiseg_specs raised {type(error).__name__}: {error}") from error
    for spec in specs:
        if not isinstance(spec, NetworkSpec | EncoderSpec | BlockSpec):
            raise _Refused("call", f"monaiseg_specs gave a {type(spec).__name__}, not a spec of monaiseg.plugin")
    twice = [key for key, count in Counter((spec.kind, spec.name) for spec in specs).items() if count > 1]
    if twice:
        raise _Refused("call", f"monaiseg_specs gave the {twice[0][0]} {twice[0][1]!r} twice")
    return specs
