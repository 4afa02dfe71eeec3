"""Which measures a run computes, and those of a case that need more than counts of pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from monaiseg.data.labels import joined
from monaiseg.errors import ConfigError, suggest
from monaiseg.metrics.matching import match_instances
from monaiseg.metrics.measures import MEASURES
from monaiseg.metrics.saliency import saliency_scores
from monaiseg.metrics.surface import surface_scores
from monaiseg.metrics.truth import Truth

Array = npt.NDArray[Any]
Scores = dict[str, Array]
"""Of each measure `[B, K]`."""

OVERLAP = tuple(name for name, measure in MEASURES.items() if measure.needs == "masks")
"""The measures that follow from counts of pixels."""

E_CURVE = "e_curve"
"""Beside the measures: the E-measure at each threshold, from which a data set's maximum follows."""

MATCHES = "matches"
"""Beside the measures: the `Matches` of each case and class, from which those of a data set follow."""

TOLERANCE = {2: 2.0, 3: 1.0}
"""Of NSD, by dimensions: pixels, mm."""


class Objects(Protocol):
    """Tells the objects of a case apart, as `monaiseg.instances.ObjectDecoder` does."""

    wanted: bool

    def __call__(self, probabilities: Any, channels: Any, spacing: Sequence[float] | None = None) -> Any:
        """Return ids `[K, *spatial]` from class probabilities `[K, *spatial]`, further channels and mm a voxel."""

    def record(self) -> Mapping[str, Any]:
        """Return how they are told apart, for `scores.json`; `told` is it in words."""


@dataclass(frozen=True)
class Chosen:
    """The measures that a run computes.

    Attributes:
        names: those asked for; None: all that fit the images.
        objects: tells objects apart, where that is wanted.
        tolerance: of NSD, in pixels or mm; None: as `TOLERANCE`.
    """

    names: tuple[str, ...] | None
    objects: Objects | None = None
    tolerance: float | None = None

    def nsd_tolerance(self, spatial_dims: int) -> float:
        """Return the tolerance of NSD for images of so many dimensions."""
        return TOLERANCE[spatial_dims] if self.tolerance is None else self.tolerance

    @property
    def overlap(self) -> list[str]:
        """Those that follow from counts; Dice and IoU always, for they are what a run is judged by."""
        return [name for name in OVERLAP if self.names is None or name in (*self.names, "dice", "iou")]

    @property
    def further(self) -> bool:
        """Whether there are others."""
        return self.names is None or any(name not in OVERLAP for name in self.names)

    def check(self, spatial_dims: int) -> None:
        """Raise ConfigError where a measure that was asked for by name is not made for such images."""
        for name in self.names or ():
            if spatial_dims not in MEASURES[name].spatial_dims:
                raise ConfigError(f"measures: {name} is not for images of {spatial_dims} dimensions; leave it out")

    def wanted(self, needs: str, spatial_dims: int) -> list[str]:
        """Return those that need this kind of input, for images of so many dimensions."""
        if needs == "instances" and self.objects is None:
            return []
        fit = [name for name, measure in MEASURES.items() if measure.needs == needs]
        fit = [name for name in fit if spatial_dims in MEASURES[name].spatial_dims]
        return [name for name in fit if self.names is None or name in self.names]

    def of_batch(self, output: Mapping[str, Any], masks: torch.Tensor) -> tuple[Scores, Scores]:
        """Return the further measures of a batch, and those of its baseline, each `[B, K]`.

        Args:
            output: `id`; `pred`, `label`, `baseline` `[B, K, *spatial]`; `spacing` `[B, axes]`; where objects are told
                apart `instances` `[B, K, *spatial]` and, of a network that has them, `channels` `[B, E, *spatial]`.
            masks: what was decided from `pred`, bool.
        """
        predicted, label, baseline = (output[key].cpu().numpy() for key in ("pred", "label", "baseline"))
        truth = label > 0
        # In two dimensions a unit is a pixel, though a slice has a header: sets of both kinds are compared.
        spacing = output["spacing"].tolist() if truth.ndim - 2 == 3 else [[1.0, 1.0]] * len(truth)
        truths = [[Truth(mask) for mask in case] for case in truth]
        coarse = baseline > 0
        sides = (
            self._of_side(predicted, masks.cpu().numpy(), truths, spacing),
            self._of_side(coarse, coarse, truths, spacing),
        )
        names = self.wanted("instances", truth.ndim - 2)
        if self.objects is not None and names:
            ids = output["instances"].cpu().numpy()
            cases = zip(predicted, further_channels(output), output["spacing"].tolist(), strict=True)
            found = [self.objects(*case) for case in cases]
            joint = [[joined(mask) for mask in case] for case in coarse]
            sides = sides[0] | _of_objects(found, ids, names), sides[1] | _of_objects(joint, ids, names)
        return sides

    def _of_side(self, maps: Array, masks: Array, truths: Sequence[Sequence[Truth]], spacing: Any) -> Scores:
        cases = zip(maps, masks, truths, spacing, strict=True)
        found = [
            [self._of_class(*of_class, lengths) for of_class in zip(values, chosen, true, strict=True)]
            for values, chosen, true, lengths in cases
        ]
        return {name: np.array([[scores[name] for scores in case] for case in found]) for name in found[0][0]}

    def _of_class(self, values: Array, mask: Array, truth: Truth, spacing: Sequence[float]) -> dict[str, Any]:
        scores: dict[str, Any] = {}
        if names := self.wanted("surface", mask.ndim):
            tolerance = self.nsd_tolerance(mask.ndim)
            surfaces = surface_scores(mask, truth, tolerance, spacing, with_hd95="hd95" in names)
            scores |= {name: MEASURES[name].of(surfaces) for name in names}
        if names := self.wanted("probabilities", mask.ndim):
            maps = saliency_scores(values, truth)
            scores |= {name: MEASURES[name].of(maps) for name in names} | {E_CURVE: maps.e_curve}
        return scores


def further_channels(output: Mapping[str, Any]) -> Sequence[torch.Tensor | None]:
    """Return the further channels `[E, *S]` of each case of an output, on the CPU; None where it has none."""
    return list(output["channels"].cpu()) if "channels" in output else [None] * len(output["id"])


def _of_objects(found: Sequence[Any], truth: Array, names: Sequence[str]) -> Scores:
    """Return the measures of objects, and under `MATCHES` what they follow from; ids `[B, K, *spatial]`."""
    matches = np.empty(truth.shape[:2], object)
    for at in np.ndindex(matches.shape):
        matches[at] = match_instances(found[at[0]][at[1]], truth[at])
    values = {name: np.vectorize(MEASURES[name].of, otypes=[float])(matches) for name in names}
    return values | {MATCHES: matches}


def chosen_measures(measures: Any, objects: Objects | None = None, nsd_tolerance: float | str = "auto") -> Chosen:
    """Return what `measures` asks for: `"overlap"`, `"auto"` for all that fit the images, or a list of names.

    Raises:
        ConfigError: there is no such measure, one of objects is asked for where they are not told apart, or the
            tolerance is no positive number.
    """
    objects = objects if objects is not None and objects.wanted else None
    number = isinstance(nsd_tolerance, int | float) and not isinstance(nsd_tolerance, bool)
    if nsd_tolerance != "auto" and not (number and 0 < float(nsd_tolerance) < math.inf):
        raise ConfigError(f"nsd_tolerance is {nsd_tolerance!r}; write auto, or pixels or mm above 0")
    tolerance = None if isinstance(nsd_tolerance, str) else float(nsd_tolerance)
    if measures in ("overlap", "auto"):
        return Chosen(OVERLAP if measures == "overlap" else None, objects, tolerance)
    if not isinstance(measures, list | tuple) or not measures:
        raise ConfigError(f"measures is {measures!r}; write auto, overlap, or a list such as \"['dice', 'hd95']\"")
    for name in measures:
        if name not in MEASURES:
            raise ConfigError(f"measures: there is no {name!r}{suggest(str(name), MEASURES)}")
        if MEASURES[name].needs == "instances" and objects is None:
            raise ConfigError(
                f"measures: {name} is of objects, which this run does not tell apart; train with --instances, or give "
                "--decoder watershed"
            )
    return Chosen(tuple(measures), objects, tolerance)
