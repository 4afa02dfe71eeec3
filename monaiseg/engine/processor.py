"""How torch computes on a processor: with memory that it keeps, and no more threads than it may run."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache
from pathlib import Path

import torch

VARIABLE = "MONAISEG_MALLOC"
"""Set to `default`, this environment variable leaves the allocator as it is."""

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Of glibc's malloc.h."""
_TUNED = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**28}
_GROUPS = Path("/sys/fs/cgroup")


@cache
def keep_memory() -> bool:
    """Let this process keep the memory that it frees, for its next large buffer; return whether it does.

    By default glibc asks the system for each buffer of an activation's size and gives it back when it is freed, and the
    system clears all its pages anew. No result changes; the most memory taken grows by 5 to 25 %. On other systems than
    Linux with glibc, and with `MONAISEG_MALLOC=default`, nothing is done.
    """
    if os.environ.get(VARIABLE) == "default" or platform.libc_ver()[0] != "glibc":
        return False
    set_option = ctypes.CDLL(None).mallopt
    done = [set_option(option, value) == 1 for option, value in _TUNED.items()]
    return all(done)


def fit_threads() -> int:
    """Let torch have no more threads than a container's share of the processor allows; return how many it has.

    torch counts the cores that it may use, and not how much of their time: threads beyond that wait for each other.
    With `OMP_NUM_THREADS` it is left as it says.
    """
    share = _share(_GROUPS)
    if share is not None and "OMP_NUM_THREADS" not in os.environ and share < torch.get_num_threads():
        torch.set_num_threads(max(1, int(share)))
    return torch.get_num_threads()


def _share(groups: Path) -> float | None:
    """Return how many processors' time a container may take, or None for any; of both versions of Linux's cgroups."""
    try:
        quota, period = (groups / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = ((groups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return None
    if not quota.strip().isdigit() or not period.strip().isdigit():
        return None  # "max", and "-1" of the first version
    return int(quota) / int(period)
