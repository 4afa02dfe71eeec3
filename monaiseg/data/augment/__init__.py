"""Random changes of images and labels, batch by batch, each case's own whatever its batch."""

from monaiseg.data.augment.augmentation import Augmentation
from monaiseg.data.augment.building import OPERATIONS, build_augmentation
from monaiseg.data.augment.draws import CaseDraw, Choice, Step
from monaiseg.data.augment.intensity import Levels, Linear
from monaiseg.data.augment.operation import Operation
from monaiseg.data.augment.presets import PRESETS

__all__ = [
    "OPERATIONS",
    "PRESETS",
    "Augmentation",
    "CaseDraw",
    "Choice",
    "Levels",
    "Linear",
    "Operation",
    "Step",
    "build_augmentation",
]
