"""In which type a network computes: what the key `amp` comes to on a device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from monaiseg.errors import ConfigError

DTYPES = {
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float16": torch.float16,
    "fp16": torch.float16,
}
"""The words of the key."""


def autocast_dtype(amp: Any, device: torch.device, spatial_dims: int) -> torch.dtype | None:
    """Return the dtype of autocast, or None for float32.

    Args:
        amp: True for bfloat16, False for float32, one of `DTYPES`, or `"auto"`: bfloat16 where the device computes in
            it, on the CPU in 2D only.
        device: where the network computes.
        spatial_dims: 2 or 3.

    Raises:
        ConfigError: `amp` is none of these.
    """
    if isinstance(amp, bool):
        return torch.bfloat16 if amp else None
    if amp == "auto":
        return torch.bfloat16 if _has_bfloat16(device, spatial_dims) else None
    if isinstance(amp, str) and amp in DTYPES:
        return DTYPES[amp]
    hint = f"; write --amp {amp.capitalize()}" if str(amp).lower() in ("true", "false") else ""
    raise ConfigError(f"amp is {amp!r}; it must be True, False, auto, bfloat16 or float16{hint}")


def _has_bfloat16(device: torch.device, spatial_dims: int) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if spatial_dims == 3:
        return False
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    return bool({"avx512_bf16", "amx_bf16"} & set(flags))
