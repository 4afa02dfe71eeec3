"""Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003) as a loss."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

from monaiseg.errors import ConfigError

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales of MS-SSIM, finest first (Wang et al., section 3.2)."""
_SMALLEST = 4  # pixels a side at the coarsest scale: below, there is no structure left to compare
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


class MultiScaleSSIM(nn.Module):
    """1 - MS-SSIM of probabilities and masks, both `[B, C, *spatial]` in 0..1.

    Contrast is compared at every scale and luminance at the coarsest one, each mapped from -1..1 to 0..1 so that there
    is a gradient where prediction and mask are opposed. Small images have fewer scales and a smaller window.

    Args:
        scales: how many at most, 1 to 5. One alone gives (1 - SSIM) / 2.
        paper_luminance: compare luminance at every scale, as UNet 3+ writes the formula.
    """

    def __init__(self, scales: int = len(SCALE_WEIGHTS), paper_luminance: bool = False) -> None:
        super().__init__()
        if not 1 <= scales <= len(SCALE_WEIGHTS):
            raise ConfigError(f"scales is {scales!r}; it must be a whole number from 1 to {len(SCALE_WEIGHTS)}")
        self.scales = scales
        self.paper_luminance = paper_luminance

    def forward(self, probabilities: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Return the mean over images, a scalar in 0..1 and 0 for equal inputs."""
        scales = min(self.scales, _scales(min(masks.shape[2:])))
        coarsest = min(masks.shape[2:]) // 2 ** (scales - 1)
        window = min(_WINDOW, coarsest - (coarsest + 1) % 2)
        weights = [weight / sum(SCALE_WEIGHTS[:scales]) for weight in SCALE_WEIGHTS[:scales]]
        similarity = torch.ones((), device=masks.device)
        for scale, (x, y) in enumerate(_pyramid(probabilities, masks, scales)):
            luminance, contrast = luminance_and_contrast(x, y, window)
            with_luminance = self.paper_luminance or scale == scales - 1
            index = (luminance * contrast if with_luminance else contrast).flatten(1).mean(1)
            similarity = similarity * ((1 + index) / 2).clamp_min(1e-8) ** weights[scale]
        return 1 - similarity.mean()


def luminance_and_contrast(x: torch.Tensor, y: torch.Tensor, window: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two factors of SSIM in each window inside the image, `[B, C, *(spatial - window + 1)]`.

    The windows are Gaussian; x and y are `[B, C, *spatial]` in 0..1.
    """
    mean_x, mean_xx, mean_xy = _blurred(torch.cat([x, x * x, x * y], 1), window).chunk(3, 1)
    mean_y, mean_yy = _blurred(torch.cat([y, y * y], 1), window).chunk(2, 1)
    of_means = mean_x * mean_y
    squares = mean_x**2 + mean_y**2
    luminance = (2 * of_means + _C1) / (squares + _C1)
    return luminance, (2 * (mean_xy - of_means) + _C2) / (mean_xx + mean_yy - squares + _C2)


def _blurred(x: torch.Tensor, window: int) -> torch.Tensor:
    """Return x blurred where the window lies inside, one matrix an axis: 10 times as fast as a convolution."""
    for axis in range(2, x.ndim):
        x = (x.transpose(axis, -1) @ _bands(x.shape[axis], window, x).T).transpose(axis, -1)
    return x


def _bands(side: int, window: int, like: torch.Tensor) -> torch.Tensor:
    """Return the matrix `[side - window + 1, side]` whose rows are the Gaussian at each place of the window."""
    place = torch.arange(side, device=like.device, dtype=like.dtype)
    offset = place - place[: side - window + 1, None]
    weights = torch.exp(-((offset - window // 2) ** 2) / (2 * _SIGMA**2)) * ((offset >= 0) & (offset < window))
    return weights / weights.sum(1, keepdim=True)


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
