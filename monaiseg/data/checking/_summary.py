"""Adds the facts of cases up as they come, so that memory does not grow with the set."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from monaiseg.data.checking._facts import CaseFacts, Fault, ImageFacts, LabelFacts
from monaiseg.data.classes import Classes
from monaiseg.data.reading import size_text

ABSURD = {"not_finite", "intensity"}
"""Faults of images whose values tell nothing of the others."""

FACTOR = 1000
"""Brightest values of cases that differ by more than this are told."""


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
    orientations: Counter[str] = field(default_factory=Counter)
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
            self._add_image(facts.image, sound=not {fault.kind for fault in facts.faults} & ABSURD)
        if facts.label is not None:
            self._add_label(facts.label)

    def _add_image(self, image: ImageFacts, sound: bool) -> None:
        self.sizes[size_text(image.size)] += 1
        self.stored[image.stored] += 1
        self.suffixes[image.suffix] += 1
        self.counts["in colour"] += image.colour
        self.counts["partly transparent"] += image.transparent
        self.counts["refused by Pillow, read by tifffile"] += image.by_tifffile
        if sound:
            self.low.add(image.low)
            self.high.add(image.high)
        if image.spacing is not None:
            self.spacings[" x ".join(f"{length:.3g}" for length in image.spacing)] += 1
        if image.orientation is not None:
            self.orientations[image.orientation] += 1

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
        found = []
        if len(self.orientations) > 1:
            told = ", ".join(f"{name} ({count})" for name, count in self.orientations.most_common())
            found.append(Fault("warning", "orientation", root, f"volumes point to {told}; turn all one way"))
        if self.high.count and self.high.least > 0 and self.high.most > FACTOR * self.high.least:
            told = f"the brightest values of its images go from {self.high.least:g} to {self.high.most:g}"
            found.append(Fault("warning", "intensity", root, f"{told}; each image is normalised by itself"))
        for index, extremes in enumerate(self.shares):
            if extremes.most == 0 and self.classes is not None:
                message = f"the class {self.classes.names[index]} is in no label; remove it from the classes"
                found.append(Fault("warning", "absent_class", root, message))
        return found

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
            "orientations": dict(self.orientations.most_common()),
            "labels_stored": dict(self.label_stored.most_common()),
            "label_values": {str(value): count for value, count in sorted(self.label_values.items())},
            "counts": {name: count for name, count in self.counts.items() if count},
            **extremes,
            "overlapping_pixels": self.overlap.record(),
            "shares": {name: one.record() for name, one in zip(names, self.shares, strict=False)},
        }
