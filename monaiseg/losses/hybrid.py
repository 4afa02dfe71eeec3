"""UNet 3+'s hybrid loss over pixels, patches and maps (Huang et al. 2020, section 2.2): focal + MS-SSIM + IoU."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from monai.losses import FocalLoss
from monai.metrics.regression import compute_ssim_and_cs
from torch import nn
from torch.nn import functional as F

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales of MS-SSIM, finest first (Wang et al. 2003, section 3.2)."""
_SMALLEST = 4  # pixels a side at the coarsest scale: below, there is no structure left to compare
_WINDOW, _SIGMA = 11, 1.5


class StructureLoss(nn.Module):
    """1 - MS-SSIM (Wang, Simoncelli and Bovik 2003) of probabilities and masks, both `[B, C, *spatial]` in 0..1.

    Contrast is compared at every scale and luminance at the coarsest one, each mapped from -1..1 to 0..1 so that there
    is a gradient where prediction and mask are opposed. Small images have fewer scales and a smaller window.

    Args:
        paper_luminance: compare luminance at every scale, as UNet 3+ writes the formula.
    """

    def __init__(self, paper_luminance: bool = False) -> None:
        super().__init__()
        self.paper_luminance = paper_luminance

    def forward(self, probabilities: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Return the mean over images, a scalar in 0..1 and 0 for equal inputs."""
        scales = _scales(min(masks.shape[2:]))
        coarsest = min(masks.shape[2:]) // 2 ** (scales - 1)
        window = min(_WINDOW, coarsest - (coarsest + 1) % 2)
        weights = [weight / sum(SCALE_WEIGHTS[:scales]) for weight in SCALE_WEIGHTS[:scales]]
        similarity = torch.ones((), device=masks.device)
        for scale, (x, y) in enumerate(_pyramid(probabilities, masks, scales)):
            dims = x.ndim - 2
            both, contrast = compute_ssim_and_cs(x, y, dims, kernel_size=[window] * dims, kernel_sigma=[_SIGMA] * dims)
            map_ = both if self.paper_luminance or scale == scales - 1 else contrast
            index = map_.flatten(1).mean(1)
            similarity = similarity * ((1 + index) / 2).clamp_min(1e-8) ** weights[scale]
        return 1 - similarity.mean()


def _scales(side: int) -> int:
    """Return how many scales an image with this shortest side has."""
    scales = 1
    while scales < len(SCALE_WEIGHTS) and side // 2**scales >= _SMALLEST:
        scales += 1
    return scales


def _pyramid(x: torch.Tensor, y: torch.Tensor, scales: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    pool = F.avg_pool2d if x.ndim == 4 else F.avg_pool3d
    for scale in range(scales):
        x, y = (x, y) if scale == 0 else (pool(x, 2), pool(y, 2))
        yield x, y


class HybridLoss(nn.Module):
    """Focal loss + (1 - MS-SSIM) + (1 - IoU), for logits and masks `[B, C, *spatial]`, each channel a class of its own.

    The IoU is that of probabilities, of each channel of each image; where prediction and mask are both empty it is 1.

    Args:
        gamma: of the focal loss.
        alpha: of the focal loss; None: both sides weigh the same.
        paper_luminance: see `StructureLoss`.
    """

    def __init__(self, gamma: float = 2.0, alpha: float | None = None, paper_luminance: bool = False) -> None:
        super().__init__()
        self.focal = FocalLoss(include_background=True, gamma=gamma, alpha=alpha)
        self.structure = StructureLoss(paper_luminance)

    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Return the sum, a scalar of at least 0."""
        probabilities = torch.sigmoid(logits)
        axes = tuple(range(2, logits.ndim))
        shared = (probabilities * masks).sum(axes)
        union = (probabilities + masks).sum(axes) - shared
        iou = ((shared + 1e-6) / (union + 1e-6)).mean()
        loss: torch.Tensor = self.focal(logits, masks) + self.structure(probabilities, masks) + (1 - iou)
        return loss
