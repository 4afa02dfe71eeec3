"""UNet 3+'s hybrid loss over pixels, patches and maps (Huang et al. 2020, section 2.2): focal + MS-SSIM + IoU."""

from __future__ import annotations

import torch
from monai.losses import FocalLoss
from torch import nn

from monaiseg.losses.ms_ssim import MultiScaleSSIM
from monaiseg.losses.options import share


class HybridLoss(nn.Module):
    """Focal loss + (1 - MS-SSIM) + (1 - IoU), for logits and masks `[B, C, *spatial]`, each channel a class of its own.

    The IoU is that of probabilities, of each channel of each image; where prediction and mask are both empty it is 1.

    Args:
        gamma: of the focal loss.
        alpha: of the focal loss, the weight of the object; None: both sides weigh the same.
        paper_luminance: see `MultiScaleSSIM`.
    """

    def __init__(self, gamma: float = 2.0, alpha: float | None = None, paper_luminance: bool = False) -> None:
        super().__init__()
        alpha = None if alpha is None else share("alpha", alpha)
        self.focal = FocalLoss(include_background=True, gamma=gamma, alpha=alpha)
        self.ms_ssim = MultiScaleSSIM(paper_luminance=paper_luminance)

    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Return the sum, a scalar of at least 0."""
        probabilities = torch.sigmoid(logits)
        axes = tuple(range(2, logits.ndim))
        shared = (probabilities * masks).sum(axes)
        union = (probabilities + masks).sum(axes) - shared
        iou = ((shared + 1e-6) / (union + 1e-6)).mean()
        loss: torch.Tensor = self.focal(logits, masks) + self.ms_ssim(probabilities, masks) + (1 - iou)
        return loss
