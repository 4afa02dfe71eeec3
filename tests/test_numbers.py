"""Checks of numbers: what is right comes back, what is not is told in a line."""

from __future__ import annotations

import math
from typing import Any

import pytest

from monaiseg._numbers import count, number
from monaiseg.errors import ConfigError


def test_what_is_right_comes_back() -> None:
    assert (count("epochs", 3), count("patience", 0, least=0)) == (3, 0)
    assert (number("lr", 1), number("share", 1.0, most=1)) == (1.0, 1.0)
    assert isinstance(number("lr", 1), float)


@pytest.mark.parametrize("value", [0, 1.5, True, "3", None])
def test_what_is_no_count_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"epochs is .*; it must be a whole number from 1$"):
        count("epochs", value)


@pytest.mark.parametrize("value", [-1, math.inf, math.nan, True, None, [1]])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"lr is .*; it must be a number from 0$"):
        number("lr", value)


def test_the_mend_is_named() -> None:
    with pytest.raises(ConfigError, match=r"lr is '1e-3'; it must be a number from 0; in YAML write 1.0e-3, not 1e-3"):
        number("lr", "1e-3")
    with pytest.raises(ConfigError, match="share is 2; it must be a number from 0 to 1"):
        number("share", 2, most=1)
