"""Weights from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ENCODER = re.compile(r"conv(\d)\.conv([12])\.([01])\.(\w+)")
_BRANCH = re.compile(r"hd?(\d)_(?:PT|Cat|UT)_hd(\d)_(conv|bn)\.(\w+)")
_FUSION = re.compile(r"(conv|bn)(\d)d_1\.(\w+)")
_HEAD = re.compile(r"outconv(\d)\.(\w+)")
_GATE = re.compile(r"cls\.1\.(\w+)")
_UNITS = {"1": "first", "2": "second"}
_LAYERS = {"0": "conv", "1": "norm", "conv": "conv", "bn": "norm"}


def from_unet_version(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return ours for a state dict of ZJUGiveLab/UNet-Version's UNet_3Plus, plain, supervised or classification-guided.

    It fits a network built with `bias=True`, and `deep_supervision=True` for the latter two.

    Raises:
        ValueError: a key is none of that network's.
    """
    return {_ours(key): value for key, value in state.items()}


def _ours(key: str) -> str:
    if m := _ENCODER.fullmatch(key):
        return f"encoder.units.{int(m[1]) - 1}.{_UNITS[m[2]]}.{_LAYERS[m[3]]}.{m[4]}"
    if m := _BRANCH.fullmatch(key):
        return f"decoder.stages.{int(m[2]) - 1}.branches.{int(m[1]) - 1}.{_LAYERS[m[3]]}.{m[4]}"
    if m := _FUSION.fullmatch(key):
        return f"decoder.stages.{int(m[2]) - 1}.fusion.{_LAYERS[m[1]]}.{m[3]}"
    if m := _HEAD.fullmatch(key):
        return f"heads.{int(m[1]) - 1}.{m[2]}"
    if m := _GATE.fullmatch(key):
        return f"gate.classify.1.{m[1]}"
    raise ValueError(f"{key!r} is no key of UNet-Version's UNet_3Plus")
