"""How the objects of a run are told apart: what its network learns for it, which decoder does it and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from monaiseg.errors import ConfigError, suggest

CHANNELS = ("border", "distance")
"""What a network may learn beside its classes, in the order of its channels."""

DECODER_NAMES = ("components", "watershed", "border", "distance")
"""What makes objects of probabilities; those that bear the name of a channel need it, the others any network."""

NONE = "none"
"""The decoder of a run whose objects are not told apart."""


@dataclass(frozen=True)
class Thresholds:
    """What a decoder goes by.

    Attributes:
        foreground: the probability above which a pixel is of an object.
        border: the probability from which on a pixel is at a border, and no object starts in it.
        depth: how far a peak must rise above the pass to a higher one to be an object of its own: as a share of its own
            height (watershed), or in the unit of the predicted distance, 0 to 1 (distance).
        min_size: the pixels or voxels that an object has at least; a smaller one is removed.
    """

    foreground: float = 0.5
    border: float = 0.3
    depth: float = 0.1
    min_size: int = 10


@dataclass(frozen=True)
class TunedOn:
    """What a decoder and its thresholds were chosen by.

    Attributes:
        cases: how many.
        scored: how many of those are scored by it: too well therefore.
        cross_fitted_ap50: AP at 0.5 of what was chosen on one half of them, on the other half, both ways.
        but: thresholds that were told since, and are not what was chosen.
    """

    cases: int
    scored: int
    cross_fitted_ap50: float
    but: tuple[str, ...] = ()


@dataclass(frozen=True)
class InstancePlan:
    """How the objects of a run are told apart.

    Attributes:
        channels: what its network learns for that beside each class, in the order of `CHANNELS`.
        decoder: one of `DECODER_NAMES`, or `none`.
        thresholds: of the decoder.
        tuned: what both were chosen by; None where by nothing.

    Raises:
        ConfigError: there is no such channel or decoder, or the decoder lacks its channel.
    """

    channels: tuple[str, ...] = ()
    decoder: str = NONE
    thresholds: Thresholds = Thresholds()
    tuned: TunedOn | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in self.channels:
            if name not in CHANNELS:
                raise ConfigError(f"instances has the channel {name!r}{suggest(str(name), CHANNELS)}")
        if self.decoder not in (NONE, *decoders_of(self.channels)):
            able = decoders_of(self.channels)
            known = self.decoder in DECODER_NAMES
            wrong = f"; this network has the channels for {', '.join(able)} alone" if known else ""
            raise ConfigError(f"decoder is {self.decoder!r}{wrong or suggest(str(self.decoder), able)}")

    @property
    def factor(self) -> int:
        """Channels of the network for each class."""
        return 1 + len(self.channels)

    @property
    def wanted(self) -> bool:
        """Whether objects are told apart at all."""
        return self.decoder != NONE

    def __str__(self) -> str:
        return f"decoder {self.decoder}, {thresholds_text(self.decoder, self.thresholds)}"

    def told(self) -> str:
        """Return the plan in words, with what must be known of it where its scores are read."""
        if self.tuned is None:
            return str(self)
        seen = (
            f", of which {self.tuned.scored} are scored here, too well therefore; cross-fitted AP50 "
            f"{self.tuned.cross_fitted_ap50:.4f}"
        )
        but = f" but for {', '.join(self.tuned.but)}" if self.tuned.but else ""
        return f"{self}, as tuned{but} on {self.tuned.cases} cases{seen if self.tuned.scored else ''}"

    def changed(self, decoder: str, thresholds: Mapping[str, Any]) -> InstancePlan:
        """Return the plan with this decoder, and those of its thresholds that are given; raises as the class does."""
        known = asdict(self.thresholds if decoder == self.decoder else Thresholds())
        for name, value in thresholds.items():
            if name not in known:
                raise ConfigError(f"thresholds has {name!r}{suggest(str(name), known)}")
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ConfigError(f"thresholds has {name} {value!r}; it must be a number of at least 0")
        tuned = replace(self.tuned, but=tuple(thresholds)) if self.tuned and decoder == self.decoder else None
        return replace(self, decoder=decoder, thresholds=Thresholds(**known | dict(thresholds)), tuned=tuned)

    def record(self) -> dict[str, Any]:
        """Return the plan for JSON; `from_record` reads it."""
        return {"channels": list(self.channels), "decoder": self.decoder, "thresholds": asdict(self.thresholds)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> InstancePlan:
        """Return the plan that `record` wrote."""
        return cls(tuple(record["channels"]), record["decoder"], Thresholds(**record["thresholds"]))


def instance_plan(instances: str | Sequence[str] = NONE) -> InstancePlan:
    """Return the plan that the key `instances` of a bundle asks for, with default thresholds.

    `none`: no objects; `components`: nothing more is learnt, and what touches is one object; `border`, `distance` or a
    list of both: these channels are learnt. Of both, the distance decides until `evaluate --tune True` finds better.

    Raises:
        ConfigError: it is none of these.
    """
    names = [instances] if isinstance(instances, str) else instances
    if not isinstance(names, list | tuple) or not names:
        raise ConfigError(f"instances is {instances!r}; write a word, or several as \"['border','distance']\"")
    if tuple(names) == (NONE,):
        return InstancePlan()
    if tuple(names) == ("components",):
        return InstancePlan(decoder="components")
    for name in names:
        if name not in CHANNELS or names.count(name) > 1:
            words = (NONE, "components", *CHANNELS)
            wrong = suggest(str(name), words) if name not in words else "; that word stands alone, and each once"
            raise ConfigError(f"instances is {instances!r}{wrong}")
    channels = tuple(name for name in CHANNELS if name in names)
    return InstancePlan(channels, channels[-1])


def decoders_of(channels: Sequence[str]) -> tuple[str, ...]:
    """Return the decoders that a network with these channels can have."""
    return tuple(name for name in DECODER_NAMES if name not in CHANNELS or name in channels)


def thresholds_text(decoder: str, thresholds: Thresholds) -> str:
    """Return the thresholds that a decoder goes by, as text."""
    own = {"border": "border", "watershed": "depth", "distance": "depth"}.get(decoder)
    names = ("foreground", *([own] if own else []), "min_size")
    return ", ".join(f"{name} {getattr(thresholds, name):g}" for name in names)
