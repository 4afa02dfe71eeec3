"""Whether the keys that say what data a bundle trains on can be used: on the data, where some are given."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from monaiseg._numbers import count
from monaiseg.bundle.resumed import AUTO, NONE, run_facts
from monaiseg.data import CaseSplit, load_cases
from monaiseg.data.classes import classes_of
from monaiseg.data.generated.writing import generated_kind
from monaiseg.data.layouts import checked_layout
from monaiseg.data.readable import unreadable_cases
from monaiseg.data.shape import count_or_auto
from monaiseg.data.split_files import read_split_file
from monaiseg.data.splits import check_seed
from monaiseg.data.workers import checked_workers
from monaiseg.errors import OutputError

LOADED = ("layout", "fold", "split_seed", "split", "classes", "generated", "unreadable")
"""Keys that `load_cases` takes."""


def check_data_keys(plain: Mapping[str, Any]) -> CaseSplit | None:
    """Return the cases of a training; None where no folder of them is given.

    Args:
        plain: the keys that hold no expression; those that are not there are left out.

    Raises:
        MonaisegError: a key cannot be used, or the data cannot.
    """
    for key, check in CHECKS.items():
        if key in plain:
            check(plain[key])
    if plain.get("data_root", NONE) == NONE or not all(key in plain for key in LOADED):
        return None
    return load_cases(str(plain["data_root"]), **{key: plain[key] for key in LOADED})


def _check_resume(resume: Any) -> None:
    if resume not in (NONE, AUTO):
        run_facts(Path(str(resume)))


def _check_output(output_dir: Any) -> None:
    """Raise OutputError where the folder of the runs cannot be made, as far as that is seen without making it."""
    wanted = Path(str(output_dir)).absolute()
    there = next(path for path in (wanted, *wanted.parents) if os.path.exists(path))
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise OutputError(f"{output_dir}: cannot be created below {there}; choose another --output_dir")


CHECKS: Mapping[str, Callable[[Any], object]] = {
    "layout": checked_layout,
    "fold": lambda fold: count("fold", fold, least=0),
    "split_seed": check_seed,
    "split": lambda split: None if split == NONE else read_split_file(split),
    "classes": lambda table: None if table in ("auto", "instances") else classes_of(table, "classes"),
    "generated": generated_kind,
    "unreadable": lambda policy: unreadable_cases((), policy),
    "num_workers": checked_workers,
    "in_channels": lambda channels: count_or_auto("in_channels", channels, 1),
    "out_channels": lambda channels: count_or_auto("out_channels", channels, 1),
    "output_dir": _check_output,
    "resume": _check_resume,
}
"""By key what raises where no data could make it right."""
