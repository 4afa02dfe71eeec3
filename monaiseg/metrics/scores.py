"""The Ignite metric that scores cases as they are predicted: counts on the device, the rest a step behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ignite.engine import Engine
from ignite.metrics import Metric

from monaiseg._ranks import gathered
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.errors import ConfigError
from monaiseg.metrics._behind import ScoredBehind
from monaiseg.metrics.case_measures import E_CURVE, MATCHES, Objects, chosen_measures
from monaiseg.metrics.decision import decided
from monaiseg.metrics.measures import MEASURES
from monaiseg.metrics.overlap import count_pixels
from monaiseg.metrics.table import CaseTable, interleaved

Array = npt.NDArray[Any]


class CaseScores(Metric):
    """An Ignite metric: the mean Dice over cases; `table` holds all measures of all cases after it was computed.

    Attached to an engine it also sets the mean of each column of the table in `engine.state.metrics`. It reads `pred`
    (probabilities), `label` and `baseline`, all `[B, K, *spatial]`, `spacing` `[B, axes]` and `id` from the engine's
    output, and where objects are told apart `instances` `[B, K, *spatial]` and `channels`. Overlap is counted on the
    device that has the predictions, and the counts are asked for at the end only; what needs a processor is done in a
    thread while the next case is predicted.

    Args:
        classes: what the K channels are.
        measures: `"overlap"`, `"auto"` (all that fit the images), or names of `MEASURES`.
        objects: tells the objects of a case apart; None, or one that is not `wanted`: measures of objects are left out.
        nsd_tolerance: in pixels in two dimensions and mm in three; `"auto"`: 2 pixels, 1 mm.
        groups: of ids, what a case belongs to, for intervals; a case without one stands alone.
    """

    def __init__(
        self,
        classes: Classes = FOREGROUND,
        measures: str | Sequence[str] = "overlap",
        groups: Mapping[str, str] | None = None,
        objects: Objects | None = None,
        nsd_tolerance: float | str = "auto",
    ) -> None:
        self.classes = classes
        self.groups = groups or {}
        self.measures = chosen_measures(measures, objects, nsd_tolerance)
        self._further: ScoredBehind | None = None
        self.table: CaseTable | None = None
        # In a tuple: Ignite refuses a mapping that has no y_pred and y.
        super().__init__(output_transform=lambda output: (output,))

    def reset(self) -> None:
        """Forget all cases."""
        self.table = None
        self._ids: list[str] = []
        self._counts: list[torch.Tensor] = []
        self._faults: list[torch.Tensor] = []
        if self._further is not None:
            self._further.end()
        self._further = ScoredBehind(self.measures) if self.measures.further else None

    def update(self, outputs: tuple[Mapping[str, Any]]) -> None:
        """Add the cases of a batch: what the engine gave for it, alone in a tuple.

        Raises:
            ConfigError: the sizes of prediction and truth differ, or a measure was asked for that is not made for
                images of their dimensions.
        """
        (output,) = outputs
        predicted = output["pred"]
        if not self._ids:
            self.measures.check(predicted.ndim - 2)
        truth, baseline = (output[key].to(predicted.device, non_blocking=True) for key in ("label", "baseline"))
        if predicted.shape != truth.shape:
            shapes = f"prediction is {tuple(predicted.shape)} and truth {tuple(truth.shape)}"
            raise ConfigError(f"{shapes}; they must be equal")
        masks, true = decided(predicted, self.classes), truth > 0
        both = count_pixels(torch.cat([masks, baseline > 0]), torch.cat([true, true]))
        self._counts.append(both.view(2, -1, *both.shape[1:]))
        self._faults.append(torch.stack([_outside(predicted), truth.amax() > 1]))
        self._ids += output["id"]
        self._dims = predicted.ndim - 2
        if self._further is not None:
            self._further.add(output, masks)

    def compute(self) -> float:
        """Make the table, of the cases of all processes, and return the mean Dice over cases.

        Raises:
            ConfigError: there was no case, `pred` is not a probability, or `label` not of zeros and ones.
        """
        if not self._ids:
            raise ConfigError("no case was scored; is the validation set empty?")
        _check(*torch.stack(self._faults).any(0).tolist())
        counts = torch.cat(self._counts, 1).cpu().numpy()
        found = [{name: MEASURES[name].of(side) for name in self.measures.overlap} for side in counts]
        further = self._further.results() if self._further is not None else []
        for side, results in zip(found, zip(*further, strict=True), strict=False):
            side |= {name: np.concatenate([result[name] for result in results]) for name in results[0]}
        (curves, matches), _ = ([side.pop(key, None) for key in (E_CURVE, MATCHES)] for side in found)
        groups = [self.groups.get(name, name) for name in self._ids]
        own = CaseTable(
            ids=self._ids,
            groups=groups,
            classes=self.classes.names,
            spatial_dims=self._dims,
            values=found[0],
            baseline=found[1],
            counts=counts[0],
            baseline_counts=counts[1],
            curves=curves,
            matches=matches,
            nsd_tolerance=self.measures.nsd_tolerance(self._dims) if "nsd" in found[0] else None,
            objects=None if matches is None or self.measures.objects is None else self.measures.objects.record(),
        )
        self.table = interleaved(gathered(own))
        return float(self.table.values["dice"].mean())

    def completed(self, engine: Engine, name: str) -> None:
        """Set the metric `name` and the means of the table's columns in the engine's state."""
        super().completed(engine, name)
        assert self.table is not None
        engine.state.metrics.update({key: value for key, value in self.table.means().items() if key != "dice"})


def _outside(predicted: torch.Tensor) -> torch.Tensor:
    """Return whether anything is no probability, as a tensor: asking for its value would wait for the device."""
    low, high = torch.aminmax(predicted)  # NaN where there is one
    return ~((low >= 0) & (high <= 1))


def _check(no_probability: bool, no_mask: bool) -> None:
    if no_probability:
        raise ConfigError(
            "pred must hold probabilities between 0 and 1, not logits or NaN; "
            "if the loss diverged, lower --lr or set --clip"
        )
    if no_mask:
        raise ConfigError("label must hold zeros and ones")
