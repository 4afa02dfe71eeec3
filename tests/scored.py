"""Masks scored in one line."""

from __future__ import annotations

import torch

from monaiseg.metrics.overlap import count_pixels, dice, iou


def score_masks(prediction: torch.Tensor, truth: torch.Tensor) -> tuple[float, float]:
    """Dice and IoU of boolean masks `[K, *spatial]`, the mean over classes."""
    counts = count_pixels(prediction[None], truth[None]).numpy()
    return float(dice(counts).mean()), float(iou(counts).mean())
