"""Dice and IoU of each case at its own size, from masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from ignite.engine import Engine
from ignite.metrics import Metric

from monaiseg.errors import ConfigError

DEFINITION = (
    "Dice and IoU of the foreground (probability > 0.5) at each case's own size, mean over classes, then over cases; "
    "1 where prediction and truth are both empty. Baseline: Otsu's threshold in the better polarity for each case."
)


@dataclass(frozen=True)
class CaseScore:
    """The scores of one case, each between 0 and 1, and those of the baseline."""

    id: str
    dice: float
    iou: float
    baseline_dice: float
    baseline_iou: float


def score_masks(prediction: torch.Tensor, truth: torch.Tensor) -> tuple[float, float]:
    """Return Dice and IoU of boolean masks `[K, *spatial]`, the mean over the K classes; both empty counts as 1.

    Raises:
        ConfigError: the sizes differ.
    """
    if prediction.shape != truth.shape:
        raise ConfigError(f"prediction is {tuple(prediction.shape)} and truth {tuple(truth.shape)}; they must be equal")
    axes = tuple(range(1, truth.ndim))
    both = (prediction & truth).sum(axes).double()
    either = (prediction | truth).sum(axes).double()
    empty = either == 0
    dice = torch.where(empty, 1.0, 2 * both / (both + either).clamp(min=1))
    iou = torch.where(empty, 1.0, both / either.clamp(min=1))
    return dice.mean().item(), iou.mean().item()


class CaseScores(Metric):
    """An Ignite metric: the mean Dice over cases; its `rows` hold a `CaseScore` a case.

    Attached to an engine it also sets `iou`, `baseline_dice` and `baseline_iou` in `engine.state.metrics`. It reads
    `pred` (probabilities), `label` and `baseline`, all `[B, K, *spatial]`, and the ids, from the engine's output.
    """

    def __init__(self) -> None:
        self.rows: list[CaseScore] = []
        super().__init__(
            output_transform=lambda output: tuple(output[key] for key in ("id", "pred", "label", "baseline"))
        )

    def reset(self) -> None:
        """Forget all cases."""
        self.rows = []

    def update(self, output: tuple[Sequence[str], torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
        """Add the cases of a batch: their ids, probabilities, labels and baselines.

        Raises:
            ConfigError: `pred` is not a probability, or `label` not of zeros and ones.
        """
        names, predicted, truth, baseline = output
        if not (predicted.min() >= 0 and predicted.max() <= 1):
            raise ConfigError(
                "pred must hold probabilities between 0 and 1, not logits or NaN; "
                "if the loss diverged, lower --lr or set --clip"
            )
        if truth.max() > 1:
            raise ConfigError("label must hold zeros and ones")
        for name, p, t, b in zip(names, predicted > 0.5, truth > 0, baseline > 0, strict=True):
            self.rows.append(CaseScore(name, *score_masks(p, t), *score_masks(b, t)))

    def means(self) -> dict[str, float]:
        """Return the mean over cases of each score.

        Raises:
            ConfigError: there was no case.
        """
        if not self.rows:
            raise ConfigError("no case was scored; is the validation set empty?")
        names = ("dice", "iou", "baseline_dice", "baseline_iou")
        return {name: sum(getattr(row, name) for row in self.rows) / len(self.rows) for name in names}

    def compute(self) -> float:
        """Return the mean Dice over cases."""
        return self.means()["dice"]

    def completed(self, engine: Engine, name: str) -> None:
        """Set the metric `name` and the other means in the engine's state."""
        super().completed(engine, name)
        engine.state.metrics.update({key: value for key, value in self.means().items() if key != "dice"})
