"""Data: cases, layouts, splits, reading, data sets for training and evaluation, and where public ones are found.

Names load when first used: to look at data, or fetch them, takes neither torch nor MONAI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monaiseg._lazy import lazy_names

if TYPE_CHECKING:
    from monaiseg.data.cases import VOLUMES, Case, data_hash, find_cases, images_of
    from monaiseg.data.classes import FOREGROUND, Classes
    from monaiseg.data.datasets import CaseDataset, EpochSampler, evaluation_loader, training_loader
    from monaiseg.data.fetching import fetch_data
    from monaiseg.data.generated import GENERATED, generate_nuclei, generate_polyps, write_generated
    from monaiseg.data.layouts import LAYOUTS, find_data, list_cases
    from monaiseg.data.loading import CaseSplit, all_cases, load_cases
    from monaiseg.data.reading import image_shape
    from monaiseg.data.shape import CaseShape
    from monaiseg.data.sources import SOURCES, DataSource
    from monaiseg.data.steps import evaluation_steps, training_steps
    from monaiseg.data.transforms import NormaliseCase, ReadCase, augmentation
    from monaiseg.data.volumes import is_volume, volume_geometry

__all__ = [
    "FOREGROUND",
    "GENERATED",
    "LAYOUTS",
    "SOURCES",
    "VOLUMES",
    "Case",
    "CaseDataset",
    "CaseShape",
    "CaseSplit",
    "Classes",
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
    "find_data",
    "generate_nuclei",
    "generate_polyps",
    "image_shape",
    "images_of",
    "is_volume",
    "list_cases",
    "load_cases",
    "training_loader",
    "training_steps",
    "volume_geometry",
    "write_generated",
]

_HOMES = {
    "cases": ("VOLUMES", "Case", "data_hash", "find_cases", "images_of"),
    "classes": ("FOREGROUND", "Classes"),
    "datasets": ("CaseDataset", "EpochSampler", "evaluation_loader", "training_loader"),
    "fetching": ("fetch_data",),
    "generated": ("GENERATED", "generate_nuclei", "generate_polyps", "write_generated"),
    "layouts": ("LAYOUTS", "find_data", "list_cases"),
    "loading": ("CaseSplit", "all_cases", "load_cases"),
    "reading": ("image_shape",),
    "shape": ("CaseShape",),
    "sources": ("SOURCES", "DataSource"),
    "steps": ("evaluation_steps", "training_steps"),
    "transforms": ("NormaliseCase", "ReadCase", "augmentation"),
    "volumes": ("is_volume", "volume_geometry"),
}
__getattr__ = lazy_names(__name__, {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names})
