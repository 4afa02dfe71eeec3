"""Data: cases, layouts, splits, reading, and data sets for training and evaluation."""

from monaiseg.data.cases import VOLUMES, Case, data_hash, find_cases, images_of
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.datasets import CaseDataset, EpochSampler, evaluation_loader, training_loader
from monaiseg.data.generated import GENERATED, generate_nuclei, generate_polyps, write_generated
from monaiseg.data.layouts import LAYOUTS, find_data, list_cases
from monaiseg.data.loading import CaseSplit, all_cases, load_cases
from monaiseg.data.reading import image_shape
from monaiseg.data.shape import CaseShape
from monaiseg.data.steps import evaluation_steps, training_steps
from monaiseg.data.transforms import NormaliseCase, ReadCase, augmentation
from monaiseg.data.volumes import is_volume, volume_geometry

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
