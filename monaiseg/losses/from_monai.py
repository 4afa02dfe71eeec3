"""MONAI's losses that learn from logits and masks alone, set to one class a channel, and mended where they need it."""

from __future__ import annotations

import torch
from monai.losses import (
    BoundaryLoss,
    DiceCELoss,
    DiceFocalLoss,
    DiceLoss,
    FocalLoss,
    GeneralizedDiceFocalLoss,
    GeneralizedDiceLoss,
    HausdorffDTLoss,
    LogHausdorffDTLoss,
    MCCLoss,
    SoftDiceclDiceLoss,
    TverskyLoss,
)
from monai.utils import Weight

from monaiseg.losses.entry import LossEntry


class _DicePlusCE(DiceCELoss):
    """With each channel a class of its own; MONAI's cross entropy is a softmax over channels where it can."""

    def ce(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self.bce(logits, target)
        return loss


class _GeneralizedDice(GeneralizedDiceLoss):
    """With weights of which an image's largest is 1, also where no class has a pixel.

    MONAI's are 1 / pixels^2, so that a large object's count for less than `smooth` and it teaches nothing; where no
    class has a pixel they are 0, so that anything is right.
    """

    def w_func(self, grnd: torch.Tensor) -> torch.Tensor:
        smallest = torch.where(grnd > 0, grnd, torch.inf).amin(-1, keepdim=True)
        weights: torch.Tensor = super().w_func(grnd / smallest)
        return torch.where(smallest.isinf(), 1.0, weights)


class _GeneralizedDiceFocal(GeneralizedDiceFocalLoss):
    """With that generalized Dice."""

    def __init__(
        self,
        include_background: bool = True,
        sigmoid: bool = False,
        w_type: Weight | str = Weight.SQUARE,
        smooth_nr: float = 1e-5,
        smooth_dr: float = 1e-5,
        batch: bool = False,
        gamma: float = 2.0,
        lambda_gdl: float = 1.0,
        lambda_focal: float = 1.0,
    ) -> None:
        super().__init__(
            include_background=include_background, gamma=gamma, lambda_gdl=lambda_gdl, lambda_focal=lambda_focal
        )
        self.generalized_dice = _GeneralizedDice(
            include_background=include_background,
            sigmoid=sigmoid,
            w_type=w_type,
            smooth_nr=smooth_nr,
            smooth_dr=smooth_dr,
            batch=batch,
        )


class _MCC(MCCLoss):
    """As if two pixels more were there, one of each label, predicted right.

    Where a mask is empty or full MONAI's has no gradient, and is 1 for a prediction that is right but for rounding.
    """

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        right = target.new_tensor([1, 0]).expand(*target.shape[:2], 2)
        inputs = (torch.cat([x.flatten(2), right], 2) for x in (torch.sigmoid(logits), target))
        loss: torch.Tensor = super().forward(*inputs)
        return loss


class _Boundary(BoundaryLoss):
    """With 0 as the smallest value, and with a distance for masks that are empty or full, where MONAI's is 0."""

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        inside = self.compute_distance_map(target)
        distance = _where_one_sided(target, (1 - 2 * target) * _to_border(target), inside)
        return (distance * (torch.sigmoid(logits) - target)).mean()


class _FieldEverywhere:
    """With distances for masks and predictions that are empty or full; where both are, MONAI's has no gradient."""

    @torch.no_grad()
    def distance_field(self, img: torch.Tensor) -> torch.Tensor:
        field: torch.Tensor = super().distance_field(img)  # type: ignore[misc]
        return _where_one_sided(img > 0.5, _to_border(img), field)


class _HausdorffDT(_FieldEverywhere, HausdorffDTLoss):
    pass


class _LogHausdorffDT(_FieldEverywhere, LogHausdorffDTLoss):
    pass


def _where_one_sided(mask: torch.Tensor, there: torch.Tensor, elsewhere: torch.Tensor) -> torch.Tensor:
    """Return one map for the channels of a mask `[B, C, *spatial]` that have no boundary, another for the rest."""
    flat = mask.flatten(2)
    one_sided = flat.amax(2) == flat.amin(2)
    return torch.where(one_sided[(..., *[None] * (mask.ndim - 2))], there, elsewhere)


def _to_border(image: torch.Tensor) -> torch.Tensor:
    """Return how far each pixel is from what lies beyond the image, `[*spatial]`: at least 1."""
    sides = [torch.arange(1, side + 1, device=image.device) for side in image.shape[2:]]
    return torch.stack(torch.meshgrid(*(side.minimum(side.flip(0)) for side in sides), indexing="ij")).amin(0).float()


_LOGITS = {"include_background": True}  # the first channel is a class like any other
_SIGMOID = {**_LOGITS, "sigmoid": True}
_CENTRE_LINES = {**_SIGMOID, "smooth": 1e-8}  # MONAI's 1e-4 is left over where all is right
_DISTANCES = {**_SIGMOID, "batch": False}  # they are means over pixels either way
_CORRELATION = {**_LOGITS, "smooth_nr": 0.0, "smooth_dr": 0.0}  # the two pixels do that

MONAI_LOSSES = {
    "DiceLoss": LossEntry(
        DiceLoss, "Dice (or IoU) of each class of each image", "Milletari 2016, arXiv:1606.04797", _SIGMOID
    ),
    "DiceCELoss": LossEntry(_DicePlusCE, "Dice + binary cross entropy", "Isensee 2018, arXiv:1809.10486", _SIGMOID),
    "DiceFocalLoss": LossEntry(DiceFocalLoss, "Dice + focal", "Zhu 2019, arXiv:1808.05238", _SIGMOID, ("alpha",)),
    "GeneralizedDiceLoss": LossEntry(
        _GeneralizedDice,
        "Dice over all classes of an image, small ones weighing more",
        "Sudre 2017, arXiv:1707.03237",
        _SIGMOID,
    ),
    "GeneralizedDiceFocalLoss": LossEntry(
        _GeneralizedDiceFocal, "the same + focal", "Sudre 2017, arXiv:1707.03237", _SIGMOID
    ),
    "FocalLoss": LossEntry(
        FocalLoss, "cross entropy, easy pixels weighing less", "Lin 2017, arXiv:1708.02002", _LOGITS, ("alpha",)
    ),
    "TverskyLoss": LossEntry(
        TverskyLoss, "Dice in which false finds weigh alpha and misses beta", "Salehi 2017, arXiv:1706.05721", _SIGMOID
    ),
    "MCCLoss": LossEntry(
        _MCC, "Matthews' correlation, in which background counts", "Abhishek 2021, arXiv:2010.13454", _CORRELATION
    ),
    "SoftDiceclDiceLoss": LossEntry(
        SoftDiceclDiceLoss, "Dice + Dice of centre lines", "Shit 2021, arXiv:2003.07311", _CENTRE_LINES
    ),
    "BoundaryLoss": LossEntry(
        _Boundary, "errors by their distance to the true outline", "Kervadec 2019, arXiv:1812.07032", _DISTANCES
    ),
    "HausdorffDTLoss": LossEntry(
        _HausdorffDT,
        "squared errors by the squared distances to both outlines",
        "Karimi 2019, arXiv:1904.10030",
        _DISTANCES,
    ),
    "LogHausdorffDTLoss": LossEntry(_LogHausdorffDT, "log(1 + the same)", "Karimi 2019, arXiv:1904.10030", _DISTANCES),
}
"""By their names in `monai.losses`."""
