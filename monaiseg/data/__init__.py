"""Data: cases, layouts, splits, reading, and data sets for training and evaluation."""

from monaiseg.data.cases import VOLUMES, Case, data_hash, find_cases
from monaiseg.data.datasets import CaseDataset, EpochSampler, evaluation_loader, training_loader
from monaiseg.data.duplicates import NearPair, find_duplicates, groups_of, near_pairs
from monaiseg.data.generated import GENERATED, generate_nuclei, generate_polyps, write_generated
from monaiseg.data.layouts import LAYOUTS, list_cases
from monaiseg.data.leaks import leaked_pairs, tell_leaks
from monaiseg.data.loading import CaseSplit, all_cases, every_case, load_cases
from monaiseg.data.looks import look
from monaiseg.data.reading import picture_size
from monaiseg.data.split_files import SplitFile, make_split_file, read_split_file
from monaiseg.data.splits import allocate, foreground_shares, groups_of_cases
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
    "SplitFile",
    "all_cases",
    "allocate",
    "augmentation",
    "data_hash",
    "evaluation_loader",
    "evaluation_steps",
    "every_case",
    "find_cases",
    "find_duplicates",
    "foreground_shares",
    "generate_nuclei",
    "generate_polyps",
    "groups_of",
    "groups_of_cases",
    "leaked_pairs",
    "list_cases",
    "load_cases",
    "look",
    "make_split_file",
    "near_pairs",
    "picture_size",
    "read_split_file",
    "tell_leaks",
    "training_loader",
    "training_steps",
    "write_generated",
]
