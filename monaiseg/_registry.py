"""Looks names up among what the loaded plugins provide: plain where unique, `plugin:name` always."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from monaiseg._loading import PluginRecord, load_plugins, logger
from monaiseg.errors import AmbiguousName, NameNotFound, suggest
from monaiseg.specs import Spec


@dataclass(frozen=True)
class Entry:
    """A spec and the plugin it came from."""

    plugin: PluginRecord
    spec: Spec

    @property
    def qualified(self) -> str:
        """The name that is never ambiguous: `plugin:name`."""
        return f"{self.plugin.name}:{self.spec.name}"


class Registry:
    """What the given plugins provide."""

    def __init__(self, plugins: Sequence[PluginRecord]) -> None:
        self.plugins = tuple(plugins)

    def entries(self, kind: str) -> list[Entry]:
        """Return all specs of a kind (`network`, `encoder`, `block`), sorted by name and plugin."""
        entries = [Entry(plugin, spec) for plugin in self.plugins for spec in plugin.specs if spec.kind == kind]
        return sorted(entries, key=lambda entry: (entry.spec.name, entry.plugin.name))

    def is_ambiguous(self, entry: Entry) -> bool:
        """Tell whether another plugin claims the same plain name."""
        return sum(e.spec.name == entry.spec.name for e in self.entries(entry.spec.kind)) > 1

    def contested(self) -> list[str]:
        """Return a line for each plain name that several plugins claim."""
        entries = [entry for kind in ("network", "encoder", "block") for entry in self.entries(kind)]
        claims: dict[tuple[str, str], list[str]] = {}
        for entry in entries:
            claims.setdefault((entry.spec.kind, entry.spec.name), []).append(entry.qualified)
        return [
            f"{kind} {name!r} is claimed by several plugins; write {' or '.join(claimants)}"
            for (kind, name), claimants in claims.items()
            if len(claimants) > 1
        ]

    def find(self, kind: str, name: str) -> Entry:
        """Return the one entry that `name` or `plugin:name` means.

        Raises:
            NameNotFound: nobody provides it; names near ones and the plugins that could not be loaded.
            AmbiguousName: several plugins do; names the qualified spellings.
        """
        name = str(name)  # --arch 3 comes as a number
        entries = self.entries(kind)
        matches = [entry for entry in entries if name in (entry.spec.name, entry.qualified)]
        if len(matches) > 1:
            spellings = " or ".join(entry.qualified for entry in matches)
            raise AmbiguousName(f"{kind} {name!r} is provided by {len(matches)} plugins; write {spellings}")
        if not matches:
            raise NameNotFound(f"no {kind} {name!r} is installed{self._near(name, entries)}{self._absent()}")
        return matches[0]

    def _near(self, name: str, entries: Sequence[Entry]) -> str:
        plugin, qualified, _ = name.rpartition(":")
        if qualified and all(plugin != record.name for record in self.plugins):
            installed = [record.name for record in self.plugins]
            return f"; pip install the package that has the plugin {plugin!r}{suggest(plugin, installed)}"
        return suggest(name, [entry.qualified if qualified else entry.spec.name for entry in entries])

    def _absent(self) -> str:
        """Say which plugins might have brought the name, had they been loaded."""
        failed = [f"plugin {p.label} failed at {p.stage}: {p.error}" for p in self.plugins if p.status == "failed"]
        disabled = [f"plugin {p.label} is disabled" for p in self.plugins if p.status == "disabled"]
        return "".join(f"; {line}" for line in failed + disabled)


@cache
def registry() -> Registry:
    """Return the registry of the installed plugins, loaded at the first call."""
    found = Registry(load_plugins(version("monaiseg")))
    for claim in found.contested():
        logger.warning("%s", claim)
    return found
