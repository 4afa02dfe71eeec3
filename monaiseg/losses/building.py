"""All losses by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monaiseg.errors import ConfigError, suggest
from monaiseg.losses.entry import LossEntry
from monaiseg.losses.from_monai import MONAI_LOSSES
from monaiseg.losses.hybrid import HybridLoss
from monaiseg.losses.logs import ExpLog, LogCoshDice
from monaiseg.losses.lovasz import LovaszHinge, LovaszSoftmax
from monaiseg.losses.outputs import OutputLoss
from monaiseg.losses.region import BCEDice, ComboLoss, FocalTversky
from monaiseg.losses.structure import StructureLoss

OWN_LOSSES = {
    "bce_dice": LossEntry(
        BCEDice, "binary cross entropy / 2 + Dice of each image, its classes together", "Zhou 2018, arXiv:1807.10165"
    ),
    "combo": LossEntry(
        ComboLoss, "cross entropy with a weight for misses, and Dice", "Taghanaki 2019, arXiv:1805.02798"
    ),
    "exp_log": LossEntry(ExpLog, "powers of the logarithms of Dice and probabilities", "Wong 2018, arXiv:1809.00076"),
    "focal_tversky": LossEntry(FocalTversky, "Tversky to a power below 1", "Abraham 2019, arXiv:1810.07842"),
    "hybrid": LossEntry(HybridLoss, "focal + MS-SSIM + IoU", "Huang 2020, arXiv:2004.08790"),
    "log_cosh_dice": LossEntry(LogCoshDice, "log(cosh(Dice loss))", "Jadon 2020, arXiv:2006.14822"),
    "lovasz_hinge": LossEntry(LovaszHinge, "IoU itself, continued to hinge errors", "Berman 2018, arXiv:1705.08790"),
    "lovasz_softmax": LossEntry(
        LovaszSoftmax, "the same for classes that exclude one another", "Berman 2018, arXiv:1705.08790"
    ),
    "structure": LossEntry(StructureLoss, "cross entropy + IoU, outlines weighing more", "Wei 2020, arXiv:1911.11445"),
}
"""Those that MONAI has not."""

LOSSES = {**OWN_LOSSES, **MONAI_LOSSES}


def build_loss(name: str, options: Mapping[str, Any] | None = None, classes: int | None = None) -> OutputLoss:
    """Return a loss on logits, by its name here (`bce_dice`, `hybrid`) or in `monai.losses` (`DiceFocalLoss`, ...).

    Args:
        name: one of `LOSSES`; docs/losses.md says what each is for.
        options: what it shall be told beyond its defaults, such as `{'alpha': 0.7}`.
        classes: how many channels it is for, as `OutputLoss` has it.

    Raises:
        ConfigError: there is no such loss, it has no such option, or cannot use a value.
    """
    if not isinstance(name, str) or name not in LOSSES:
        raise ConfigError(f"loss is {name!r}{suggest(str(name), LOSSES)}")
    if not isinstance(options, Mapping | None):
        raise ConfigError(f"loss_options is {options!r}; it must be a mapping such as {{'alpha': 0.7}}")
    return OutputLoss(LOSSES[name].make(name, options or {}), classes)
