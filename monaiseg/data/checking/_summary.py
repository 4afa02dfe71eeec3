"""Adds the facts of cases up as they come, so that memory does not grow with the set."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from monaiseg.data.cases import images_of
from monaiseg.data.checking._facts import CaseFacts, Fault, ImageFacts, LabelFacts
from monaiseg.data.classes import Classes
from monaiseg.data.reading import size_text

ABSURD = {"not_finite", "intensity"}
"""Faults of images whose values tell nothing of the others."""

FACTOR = 1000
"""Where the brightest values of images differ by more than this, those far from the median are told."""

FAR = 30
"""So many times the median, or so many times less, is far from it."""


@dataclass
class Extremes:
    """The least, the largest and the mean of numbers as they come."""

    count: int = 0
    least: float = float("inf")
    most: float = float("-inf")
    total: float = 0.0

    def add(self, value: float) -> None:
        """Take a number into account."""
        self.count += 1
        self.least, self.most = min(self.least, value), max(self.most, value)
        self.total += value

    def record(self) -> dict[str, float] | None:
        """Return least, most and mean, or None where there was no number."""
        if not self.count:
            return None
        return {"least": self.least, "most": self.most, "mean": self.total / self.count}


@dataclass
class Summary:
    """What the cases seen so far have, counted."""

    classes: Classes | None
    parts: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    stored: Counter[str] = field(default_factory=Counter)
    suffixes: Counter[str] = field(default_factory=Counter)
    spacings: Counter[str] = field(default_factory=Counter)
    orientations: dict[str, list[str]] = field(default_factory=dict)
    highs: list[tuple[float, str]] = field(default_factory=list)
    label_stored: Counter[str] = field(default_factory=Counter)
    label_values: Counter[int] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    low: Extremes = field(default_factory=Extremes)
    high: Extremes = field(default_factory=Extremes)
    greys: Extremes = field(default_factory=Extremes)
    overcount: Extremes = field(default_factory=Extremes)
    instances: Extremes = field(default_factory=Extremes)
    overlap: Extremes = field(default_factory=Extremes)
    shares: list[Extremes] = field(default_factory=list)

    def add(self, facts: CaseFacts) -> None:
        """Take a case into account."""
        self.parts[facts.part] += 1
        if facts.image is not None:
            self._add_image(facts.image, images_of(facts.case)[0], not {fault.kind for fault in facts.faults} & ABSURD)
        if facts.label is not None:
            self._add_label(facts.label)

    def _add_image(self, image: ImageFacts, file: str, sound: bool) -> None:
        self.sizes[size_text(image.size)] += 1
        self.stored[image.stored] += 1
        self.suffixes[image.suffix] += 1
        self.counts["in colour"] += image.colour
        self.counts["partly transparent"] += image.transparent
        self.counts["refused by Pillow, read by tifffile"] += image.by_tifffile
        if sound:
            self.low.add(image.low)
            self.high.add(image.high)
            if image.low < image.high:
                self.highs.append((image.high, file))
        if image.geometry is not None:
            self.spacings[" x ".join(f"{length:.3g}" for length in image.geometry.spacing)] += 1
            if len(image.size) > 2 and image.geometry.sound:
                self.orientations.setdefault(image.geometry.orientation, []).append(file)

    def _add_label(self, label: LabelFacts) -> None:
        self.label_stored[label.stored] += 1
        self.label_values.update(label.values)
        if label.shares:
            self.counts["labels empty"] += not any(label.shares)
        self.shares += [Extremes() for _ in label.shares[len(self.shares) :]]
        for extremes, share in zip(self.shares, label.shares, strict=False):
            extremes.add(share)
        if label.greys:
            self.counts["labels with grey edges, thresholded at 127"] += 1
            self.greys.add(label.greys)
            self.overcount.add(label.overcount)
        if label.instances:
            self.instances.add(label.instances)
        if label.overlapping:
            self.counts["labels with overlapping instances"] += 1
            self.overlap.add(label.overlapping)

    def faults(self, root: str) -> list[Fault]:
        """Return what is wrong with the set as a whole."""
        found = [*self._of_intensities(), *self._of_orientations(root)]
        for index, extremes in enumerate(self.shares):
            if extremes.most == 0 and self.classes is not None:
                message = f"the class {self.classes.names[index]} is in no label; remove it from the classes"
                found.append(Fault("warning", "absent_class", root, message))
        return found

    def _of_intensities(self) -> list[Fault]:
        """Return a fault for each image that is brighter, or darker, than the median one beyond all measure."""
        highs = [high for high, _ in self.highs if high > 0]
        if not highs or max(highs) <= FACTOR * min(highs):
            return []
        usual = float(np.median(highs))
        told = f"that of the median image is {usual:g}; is it in the same units? rescale it, or clip its outliers"
        return [
            Fault("warning", "intensity", file, f"its brightest value is {high:g}, {told}")
            for high, file in self.highs
            if high > FAR * usual or 0 < high < usual / FAR
        ]

    def _of_orientations(self, root: str) -> list[Fault]:
        if len(self.orientations) < 2:
            return []
        told = ", ".join(f"{name} ({len(files)}, {Path(files[0]).name} first)" for name, files in self._by_count())
        return [Fault("warning", "orientation", root, f"volumes point to {told}; turn all one way")]

    def _by_count(self) -> list[tuple[str, list[str]]]:
        return sorted(self.orientations.items(), key=lambda entry: -len(entry[1]))

    def record(self) -> dict[str, Any]:
        """Return the counts for JSON."""
        names = self.classes.names if self.classes else ()
        extremes = {name: getattr(self, name).record() for name in ("low", "high", "greys", "overcount", "instances")}
        return {
            "cases": dict(self.parts),
            "sizes": dict(self.sizes.most_common()),
            "stored": dict(self.stored.most_common()),
            "files": dict(self.suffixes.most_common()),
            "spacings_mm": dict(self.spacings.most_common()),
            "orientations": {name: len(files) for name, files in self._by_count()},
            "labels_stored": dict(self.label_stored.most_common()),
            "label_values": {str(value): count for value, count in sorted(self.label_values.items())},
            "counts": {name: count for name, count in self.counts.items() if count},
            **extremes,
            "overlapping_pixels": self.overlap.record(),
            "shares": {name: one.record() for name, one in zip(names, self.shares, strict=False)},
        }
