"""Random transforms that have no generator of their own draw from the global ones: these are set, and put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
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


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Start the global generators (torch's on the CPU) from a seed below 2**32, and put them back afterwards."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
