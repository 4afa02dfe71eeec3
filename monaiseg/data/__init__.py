"""Data: cases, layouts, splits, reading, and data sets for training and evaluation.

Names load when first used: looking at data takes neither torch nor MONAI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monaiseg._lazy import lazy_names

if TYPE_CHECKING:
    from monaiseg.data.cases import VOLUMES as VOLUMES
    from monaiseg.data.cases import Case as Case
    from monaiseg.data.cases import data_hash as data_hash
    from monaiseg.data.cases import find_cases as find_cases
    from monaiseg.data.cases import images_of as images_of
    from monaiseg.data.classes import FOREGROUND as FOREGROUND
    from monaiseg.data.classes import Classes as Classes
    from monaiseg.data.datasets import CaseDataset as CaseDataset
    from monaiseg.data.datasets import EpochSampler as EpochSampler
    from monaiseg.data.datasets import evaluation_loader as evaluation_loader
    from monaiseg.data.datasets import training_loader as training_loader
    from monaiseg.data.generated import GENERATED as GENERATED
    from monaiseg.data.generated import generate_nuclei as generate_nuclei
    from monaiseg.data.generated import generate_polyps as generate_polyps
    from monaiseg.data.generated import write_generated as write_generated
    from monaiseg.data.layouts import LAYOUTS as LAYOUTS
    from monaiseg.data.layouts import find_data as find_data
    from monaiseg.data.layouts import list_cases as list_cases
    from monaiseg.data.loading import CaseSplit as CaseSplit
    from monaiseg.data.loading import all_cases as all_cases
    from monaiseg.data.loading import load_cases as load_cases
    from monaiseg.data.reading import image_shape as image_shape
    from monaiseg.data.shape import CaseShape as CaseShape
    from monaiseg.data.steps import evaluation_steps as evaluation_steps
    from monaiseg.data.steps import training_steps as training_steps
    from monaiseg.data.transforms import NormaliseCase as NormaliseCase
    from monaiseg.data.transforms import ReadCase as ReadCase
    from monaiseg.data.transforms import augmentation as augmentation
    from monaiseg.data.volumes import is_volume as is_volume
    from monaiseg.data.volumes import volume_geometry as volume_geometry

__all__ = [
    "FOREGROUND",
    "GENERATED",
    "LAYOUTS",
    "VOLUMES",
    "Case",
    "CaseDataset",
    "CaseShape",
    "CaseSplit",
    "Classes",
    "EpochSampler",
    "NormaliseCase",
    "ReadCase",
    "all_cases",
    "augmentation",
    "data_hash",
    "evaluation_loader",
    "evaluation_steps",
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
__getattr__ = lazy_names(
    __name__,
    {
        "VOLUMES": "monaiseg.data.cases",
        "Case": "monaiseg.data.cases",
        "data_hash": "monaiseg.data.cases",
        "find_cases": "monaiseg.data.cases",
        "images_of": "monaiseg.data.cases",
        "FOREGROUND": "monaiseg.data.classes",
        "Classes": "monaiseg.data.classes",
        "CaseDataset": "monaiseg.data.datasets",
        "EpochSampler": "monaiseg.data.datasets",
        "evaluation_loader": "monaiseg.data.datasets",
        "training_loader": "monaiseg.data.datasets",
        "GENERATED": "monaiseg.data.generated",
        "generate_nuclei": "monaiseg.data.generated",
        "generate_polyps": "monaiseg.data.generated",
        "write_generated": "monaiseg.data.generated",
        "LAYOUTS": "monaiseg.data.layouts",
        "find_data": "monaiseg.data.layouts",
        "list_cases": "monaiseg.data.layouts",
        "CaseSplit": "monaiseg.data.loading",
        "all_cases": "monaiseg.data.loading",
        "load_cases": "monaiseg.data.loading",
        "image_shape": "monaiseg.data.reading",
        "CaseShape": "monaiseg.data.shape",
        "evaluation_steps": "monaiseg.data.steps",
        "training_steps": "monaiseg.data.steps",
        "NormaliseCase": "monaiseg.data.transforms",
        "ReadCase": "monaiseg.data.transforms",
        "augmentation": "monaiseg.data.transforms",
        "is_volume": "monaiseg.data.volumes",
        "volume_geometry": "monaiseg.data.volumes",
    },
)
