"""What a loss is known by: its name leads to an entry, which makes it from options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import nn

from monaiseg.errors import ConfigError, suggest
from monaiseg.losses.options import like, share

SETTLED = (
    *("include_background", "to_onehot_y", "sigmoid", "softmax", "use_softmax", "other_act"),
    *("reduction", "weight", "soft_label", "ignore_index", "label_smoothing"),
)
"""Arguments of MONAI's that the contract leaves no choice in: logits, a channel a class, masks of 0 and 1, a scalar."""


class LossEntry(NamedTuple):
    """How a loss is made, and its line in docs/losses.md.

    Attributes:
        build: makes it; its arguments are the options, but for those that are settled or `fixed`.
        summary, paper: what the page says.
        fixed: arguments that are always given.
        shares: options that must be from 0 to 1, where `build` does not look.
    """

    build: Callable[..., nn.Module]
    summary: str
    paper: str
    fixed: Mapping[str, Any] = {}
    shares: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """Return the options that it takes, with their defaults."""
        parameters = inspect.signature(self.build).parameters.values()
        settled = {*SETTLED, *self.fixed}
        return {p.name: p.default for p in parameters if p.default is not p.empty and p.name not in settled}

    def make(self, name: str, options: Mapping[str, Any]) -> nn.Module:
        """Return the loss; raises ConfigError for an option that it has not, or a value that it cannot use."""
        known = self.options()
        for key in options:
            if key not in known:
                raise ConfigError(f"loss {name!r} has no option {key!r}{suggest(str(key), known)}")
        try:
            return self.build(**self.fixed, **{key: self._read(key, options[key], known[key]) for key in options})
        except (ConfigError, ValueError) as error:
            raise ConfigError(f"loss {name!r} refuses its options: {error}") from error

    def _read(self, key: str, value: Any, default: Any) -> Any:
        value = like(key, value, default)
        return share(key, value) if key in self.shares and value is not None else value
