"""Data: cases, layouts, splits, reading, and data sets for training and evaluation."""

from monaiseg.data.cases import VOLUMES, Case, data_hash, find_cases
from monaiseg.data.datasets import CaseDataset, EpochSampler, evaluation_loader, training_loader
from monaiseg.data.duplicates import NearPair, find_duplicates, groups_of, near_pairs
from monaiseg.data.generated import GENERATED, generate_nuclei, generate_polyps, write_generated
from monaiseg.data.layouts import LAYOUTS, list_cases
from monaiseg.data.leaks import leaked_pairs, tell_leaks
from monaiseg.data.loading import CaseSplit, all_cases, load_cases
from monaiseg.data.looks import look
from monaiseg.data.reading import picture_size
from monaiseg.data.steps import evaluation_steps, training_steps
from monaiseg.data.transforms import NormaliseCase, ReadCase, augmentation

__all__ = [
    "GENERATED",
    "LAYOUTS",
    "VOLUMES",
    "Case",
    "CaseDataset",
    "CaseSplit",
    "EpochSampler",
    "NearPair",
    "NormaliseCase",
    "ReadCase",
    "all_cases",
    "augmentation",
    "data_hash",
    "evaluation_loader",
    "evaluation_steps",
    "find_cases",
    "find_duplicates",
    "generate_nuclei",
    "generate_polyps",
    "groups_of",
    "leaked_pairs",
    "list_cases",
    "load_cases",
    "look",
    "near_pairs",
    "picture_size",
    "tell_leaks",
    "training_loader",
    "training_steps",
    "write_generated",
]
