"""Which random transforms have a generator of their own, and which draw from the global ones."""

from __future__ import annotations

from typing import Any

from monai.transforms import Compose, Randomizable, RandomizableTrait


def is_random(step: Any) -> bool:
    """Tell whether a transform draws, or one in it does."""
    own = isinstance(step, RandomizableTrait) and type(step) is not Compose  # which is random if what it holds is
    return own or any(map(is_random, _inner(step)))


def draws_globally(step: Any) -> bool:
    """Tell whether a transform draws from the generators of torch, NumPy or Python, or one in it does."""
    own = isinstance(step, RandomizableTrait) and not isinstance(step, Randomizable)
    return own or any(map(draws_globally, _inner(step)))


def _inner(step: Any) -> tuple[Any, ...]:
    return tuple(getattr(step, "transforms", None) or ())
