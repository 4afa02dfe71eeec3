"""Data: cases, layouts, splits, reading, data sets for training and evaluation, and where public ones are found.

Names load when first used: to look at data, or fetch them, takes neither torch nor MONAI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monaiseg._lazy import lazy_names

if TYPE_CHECKING:
    from monaiseg.data.augment import build_augmentation
    from monaiseg.data.cases import VOLUMES, Case, data_hash, images_of
    from monaiseg.data.classes import FOREGROUND, Classes
    from monaiseg.data.datasets import CaseDataset
    from monaiseg.data.duplicates import NearPair, find_duplicates, groups_of, near_pairs
    from monaiseg.data.fetching import fetch_data
    from monaiseg.data.generated import GENERATED, generate_nuclei, generate_polyps, generate_structure, write_generated
    from monaiseg.data.images import find_cases
    from monaiseg.data.layouts import LAYOUTS, find_data, list_cases
    from monaiseg.data.leaks import alike_groups, leaked_pairs, tell_leaks
    from monaiseg.data.loaders import EpochSampler, evaluation_loader, training_loader
    from monaiseg.data.loading import CaseSplit, all_cases, load_cases
    from monaiseg.data.looks import look
    from monaiseg.data.reading import image_shape
    from monaiseg.data.shape import CaseShape
    from monaiseg.data.sources import SOURCES, DataSource
    from monaiseg.data.spacing import common_spacing, image_spacing, respaced_size
    from monaiseg.data.split_files import SplitFile, make_split_file, read_split_file
    from monaiseg.data.splits import allocate, foreground_shares, groups_of_cases
    from monaiseg.data.steps import evaluation_steps, training_steps
    from monaiseg.data.training import TrainingDataset
    from monaiseg.data.transforms import NormaliseCase, ReadCase, ResizeCase, RespaceCase
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
    "NearPair",
    "NormaliseCase",
    "ReadCase",
    "ResizeCase",
    "RespaceCase",
    "SplitFile",
    "TrainingDataset",
    "alike_groups",
    "all_cases",
    "allocate",
    "build_augmentation",
    "common_spacing",
    "data_hash",
    "evaluation_loader",
    "evaluation_steps",
    "fetch_data",
    "find_cases",
    "find_data",
    "find_duplicates",
    "foreground_shares",
    "generate_nuclei",
    "generate_polyps",
    "generate_structure",
    "groups_of",
    "groups_of_cases",
    "image_shape",
    "image_spacing",
    "images_of",
    "is_volume",
    "leaked_pairs",
    "list_cases",
    "load_cases",
    "look",
    "make_split_file",
    "near_pairs",
    "read_split_file",
    "respaced_size",
    "tell_leaks",
    "training_loader",
    "training_steps",
    "volume_geometry",
    "write_generated",
]

_HOMES = {
    "cases": ("VOLUMES", "Case", "data_hash", "images_of"),
    "classes": ("FOREGROUND", "Classes"),
    "augment": ("build_augmentation",),
    "datasets": ("CaseDataset",),
    "duplicates": ("NearPair", "find_duplicates", "groups_of", "near_pairs"),
    "fetching": ("fetch_data",),
    "generated": ("GENERATED", "generate_nuclei", "generate_polyps", "generate_structure", "write_generated"),
    "layouts": ("LAYOUTS", "find_data", "list_cases"),
    "images": ("find_cases",),
    "leaks": ("alike_groups", "leaked_pairs", "tell_leaks"),
    "loaders": ("EpochSampler", "evaluation_loader", "training_loader"),
    "loading": ("CaseSplit", "all_cases", "load_cases"),
    "looks": ("look",),
    "reading": ("image_shape",),
    "shape": ("CaseShape",),
    "sources": ("SOURCES", "DataSource"),
    "split_files": ("SplitFile", "make_split_file", "read_split_file"),
    "spacing": ("common_spacing", "image_spacing", "respaced_size"),
    "splits": ("allocate", "foreground_shares", "groups_of_cases"),
    "steps": ("evaluation_steps", "training_steps"),
    "training": ("TrainingDataset",),
    "transforms": ("NormaliseCase", "ReadCase", "ResizeCase", "RespaceCase"),
    "volumes": ("is_volume", "volume_geometry"),
}
__getattr__ = lazy_names(__name__, {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names})
