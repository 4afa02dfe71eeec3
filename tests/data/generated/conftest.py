"""The generated sets, drawn once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest

from monaiseg.data.generated import GENERATED

CASES = 60

Case = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]


@pytest.fixture(scope="session")
def whole_set() -> Callable[[str], list[Case]]:
    """Gives `whole_set(kind)`: image and truth, true where there is any class, of each case that is written."""

    @lru_cache
    def drawn(kind: str) -> list[Case]:
        pairs = [GENERATED[kind].generate(seed) for seed in range(CASES)]
        return [(image, mask > 0) for image, mask in pairs]

    return drawn
