"""In which type a network computes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from stepping import on_every_device

from monaiseg.engine.precision import autocast_dtype
from monaiseg.errors import ConfigError

HALF, BRAIN = torch.float16, torch.bfloat16


@on_every_device
@pytest.mark.parametrize(
    ("amp", "dtype"),
    [
        (True, BRAIN),
        (False, None),
        *(("bfloat16", BRAIN), ("bf16", BRAIN)),
        *(("float16", HALF), ("fp16", HALF)),
    ],
)
def test_what_is_told_holds_on_every_device_in_2d_and_3d(amp: Any, dtype: Any, device: str) -> None:
    assert {autocast_dtype(amp, torch.device(device), dims) for dims in (2, 3)} == {dtype}


@on_every_device
def test_auto_is_never_float16_and_off_for_volumes_on_the_cpu(device: str) -> None:
    assert autocast_dtype("auto", torch.device(device), 2) in (BRAIN, None)
    if device == "cpu":
        assert autocast_dtype("auto", torch.device(device), 3) is None


@pytest.mark.parametrize(
    ("amp", "message"),
    [
        ("false", "amp is 'false'; it must be True, False, auto, bfloat16 or float16; write --amp False"),
        ("TRUE", "write --amp True"),
        (1, "amp is 1; it must be"),
        ("half", "amp is 'half'; it must be"),
        (None, "amp is None"),
        ([], r"amp is \[\]"),
    ],
)
def test_refused(amp: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        autocast_dtype(amp, torch.device("cpu"), 2)
