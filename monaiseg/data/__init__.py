"""Data: cases, layouts, splits, reading, data sets for training and evaluation, and where public ones are found.

Names load when first used: to list or fetch public sets needs neither torch nor MONAI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monaiseg._lazy import lazy_names

if TYPE_CHECKING:
    from monaiseg.data.cases import VOLUMES, Case, data_hash, find_cases
    from monaiseg.data.datasets import CaseDataset, EpochSampler, evaluation_loader, training_loader
    from monaiseg.data.fetching import fetch_data
    from monaiseg.data.generated import GENERATED, generate_nuclei, generate_polyps, write_generated
    from monaiseg.data.layouts import LAYOUTS, list_cases
    from monaiseg.data.loading import CaseSplit, all_cases, load_cases
    from monaiseg.data.reading import picture_size
    from monaiseg.data.sources import SOURCES, DataSource
    from monaiseg.data.steps import evaluation_steps, training_steps
    from monaiseg.data.transforms import NormaliseCase, ReadCase, augmentation

__all__ = [
    "GENERATED",
    "LAYOUTS",
    "SOURCES",
    "VOLUMES",
    "Case",
    "CaseDataset",
    "CaseSplit",
    "DataSource",
    "EpochSampler",
    "NormaliseCase",
    "ReadCase",
    "all_cases",
    "augmentation",
    "data_hash",
    "evaluation_loader",
    "evaluation_steps",
    "fetch_data",
    "find_cases",
    "generate_nuclei",
    "generate_polyps",
    "list_cases",
    "load_cases",
    "picture_size",
    "training_loader",
    "training_steps",
    "write_generated",
]

_HOMES = {
    "cases": ("VOLUMES", "Case", "data_hash", "find_cases"),
    "datasets": ("CaseDataset", "EpochSampler", "evaluation_loader", "training_loader"),
    "fetching": ("fetch_data",),
    "generated": ("GENERATED", "generate_nuclei", "generate_polyps", "write_generated"),
    "layouts": ("LAYOUTS", "list_cases"),
    "loading": ("CaseSplit", "all_cases", "load_cases"),
    "reading": ("picture_size",),
    "sources": ("SOURCES", "DataSource"),
    "steps": ("evaluation_steps", "training_steps"),
    "transforms": ("NormaliseCase", "ReadCase", "augmentation"),
}
__getattr__ = lazy_names(__name__, {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names})
