"""Losses by name, for every kind of training output."""

from monaiseg.losses.building import LOSSES, OWN_LOSSES, build_loss
from monaiseg.losses.channels import ChannelLoss
from monaiseg.losses.entry import LossEntry
from monaiseg.losses.from_monai import MONAI_LOSSES
from monaiseg.losses.hybrid import HybridLoss
from monaiseg.losses.logs import ExpLog, LogCoshDice
from monaiseg.losses.lovasz import LovaszHinge, LovaszSoftmax
from monaiseg.losses.ms_ssim import MultiScaleSSIM
from monaiseg.losses.outputs import OutputLoss, PresenceLoss
from monaiseg.losses.region import BCEDice, ComboLoss, FocalTversky
from monaiseg.losses.structure import StructureLoss

__all__ = [
    "LOSSES",
    "MONAI_LOSSES",
    "OWN_LOSSES",
    "BCEDice",
    "ChannelLoss",
    "ComboLoss",
    "ExpLog",
    "FocalTversky",
    "HybridLoss",
    "LogCoshDice",
    "LossEntry",
    "LovaszHinge",
    "LovaszSoftmax",
    "MultiScaleSSIM",
    "OutputLoss",
    "PresenceLoss",
    "StructureLoss",
    "build_loss",
]
