"""The scores of all cases as they are reported: means with intervals, the baseline beside them, and what each means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg._wording import counted
from monaiseg.metrics.decision import THRESHOLD
from monaiseg.metrics.intervals import LEVEL, RESAMPLES, bootstrap_interval
from monaiseg.metrics.matching import instance_ap, pool_matches, strict_ap
from monaiseg.metrics.measures import MEASURES
from monaiseg.metrics.overlap import iou_by_batches, pooled
from monaiseg.metrics.table import BASELINE, CaseTable

Array = npt.NDArray[Any]
Interval = tuple[float, float]

BASELINE_NAME = "Otsu's threshold"
TOLD = ("what", "better", "both_empty", "truth_empty", "prediction_empty", "paper")
"""What `scores.json` repeats of a measure."""


LETTERS = {
    "N": "pixels of the image",
    "t": "share of them that is true",
    "p": "share that is predicted, of a map its mean",
    "q": "share of them at a map's maximum",
    "diagonal": "length of the image's",
}
"""What the formulas of measures of empty masks mean."""


def contract(noun: str = "case", drawn: str = "cases", objects: str | None = None) -> dict[str, str]:
    """Return what holds for every score: of cases called `noun`, intervals by drawing `drawn`, objects told so."""
    of_objects = {"objects": f"{objects}; the baseline's are the connected components of its mask, of any size"}
    return {
        "reduction": f"mean over classes, then over {noun}s",
        "threshold": f"a class is where its probability is above {THRESHOLD:g}, and above that of those it excludes",
        "maps": "S, E, weighted F, MAE and what is over thresholds: of the probabilities, stretched to 0..1 unless "
        "constant, at 256 thresholds",
        "background": "no class; what is rightly left out counts in mean_class_iou, specificity, S, E and MAE",
        "size": f"each {noun}'s own, to which probabilities are resized",
        "empty": "as both_empty, truth_empty and prediction_empty of each measure say",
        "interval": f"{LEVEL:.0%} bootstrap over {drawn}, {RESAMPLES} resamples, percentiles",
        "baseline": f"{BASELINE_NAME}, of each {noun} and class in the polarity with the higher Dice",
    } | (of_objects if objects else {})


@dataclass(frozen=True)
class Line:
    """What the cases come to in one column of their table.

    Attributes:
        mean: over cases; `median`: likewise.
        interval: of the mean, 95 %; None where there are fewer than two groups of cases.
        baseline: the baseline's mean, None where it has none.
        above: the interval of the mean difference to the baseline, case by case.
    """

    mean: float
    median: float
    interval: Interval | None = None
    baseline: float | None = None
    above: Interval | None = None


@dataclass(frozen=True)
class Summary:
    """The scores of all cases.

    Attributes:
        cases: their number; `groups`: of how many groups, as many where each stands alone.
        noun: what a case is, `image` or `volume`.
        classes: their names.
        lines: of each measure, and where there are several classes of each measure of each.
        over_data_set: of all cases as if they were one, mean over classes: overlap, matched objects, and `e_max` at one
            threshold for all.
        over_batches: IoU of 16 consecutive cases and all classes as if they were one, mean over batches, as
            pytorch-nested-unet prints it.
        empty_truths: cases in which a class is nowhere; `missed`: in which no pixel was found of a class that is there.
        trained_on: cases that trained the network; what it scores on them says nothing of others.
        nsd_tolerance: in pixels or mm, where NSD was computed.
        objects: how they were told apart, where they were.
        ap_by_iou: of objects TP / (TP + FP + FN) at each threshold of the IoU, of pairs that reach it and of pairs
            above it; mean over cases, and over the data set.
    """

    cases: int
    groups: int
    noun: str
    classes: tuple[str, ...]
    lines: dict[str, Line]
    over_data_set: dict[str, float]
    over_batches: float
    empty_truths: int
    missed: int
    trained_on: int = 0
    nsd_tolerance: float | None = None
    objects: Mapping[str, Any] | None = None
    ap_by_iou: dict[str, list[float]] | None = None

    @classmethod
    def of(cls, table: CaseTable, trained_on: int = 0) -> Summary:
        """Return the summary of a table, of whose cases so many trained the network."""
        there = table.counts[..., [0, 2]].sum(-1)  # true positives and false negatives
        overlap = {name: MEASURES[name].of for name in table.values if MEASURES[name].needs == "masks"}
        return cls(
            cases=len(table),
            groups=len(set(table.groups)),
            noun="image" if table.spatial_dims == 2 else "volume",
            classes=table.classes,
            lines=_lines(table),
            over_data_set=_most(table)
            | _objects(table)
            | {name: float(score(pooled(table.counts)).mean()) for name, score in overlap.items()},
            over_batches=iou_by_batches(table.counts),
            empty_truths=int((there == 0).any(1).sum()),
            missed=int(((there > 0) & (table.counts[..., 0] == 0)).any(1).sum()),
            trained_on=trained_on,
            nsd_tolerance=table.nsd_tolerance,
            objects=table.objects,
            ap_by_iou=_ap_by_iou(table),
        )

    @property
    def means(self) -> dict[str, float]:
        """The mean of each line and of its baseline."""
        baselines = {f"{BASELINE}{name}": line.baseline for name, line in self.lines.items()}
        known = {name: value for name, value in baselines.items() if value is not None}
        return {name: line.mean for name, line in self.lines.items()} | known

    def record(self) -> dict[str, Any]:
        """Return the summary as `scores.json` holds it: each measure with what it means."""
        content = {key: value for key, value in asdict(self).items() if key != "lines"}
        measures = {
            name: {
                "measure": MEASURES[name].title,
                **asdict(line),
                **{key: getattr(MEASURES[name], key) for key in TOLD},
                "unit": self.length if MEASURES[name].unit else "",
            }
            for name, line in self.lines.items()
            if name in MEASURES
        }
        by_class = {name: asdict(line) for name, line in self.lines.items() if name not in MEASURES}
        return {
            "sentence": self.sentence(),
            "contract": contract(self.noun, self.drawn, None if self.objects is None else self.objects["told"]),
            "letters": LETTERS,
            "measures": measures,
            "by_class": by_class,
            **content,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Summary:
        """Return the summary that `record` gave, from a file as well: lists for tuples."""
        entries = record["measures"] | record["by_class"]
        own = {field.name: record[field.name] for field in fields(cls) if field.name != "lines"}
        lines = {
            name: Line(**{field.name: _frozen(entry[field.name]) for field in fields(Line)})
            for name, entry in entries.items()
        }
        return cls(lines=lines, **own | {"classes": tuple(own["classes"])})

    @property
    def length(self) -> str:
        """The unit of distances."""
        return "pixels" if self.noun == "image" else "mm"

    @property
    def drawn(self) -> str:
        """What the bootstrap draws."""
        return f"{self.groups} groups of {self.noun}s" if self.groups < self.cases else f"{self.noun}s"

    def sentence(self) -> str:
        """Return what a paper has to say of the result."""
        dice = self.lines["dice"]
        several = len(self.classes) > 1
        of = f"the classes {', '.join(self.classes)} (their mean in each)" if several else "the foreground"
        spread = (
            "" if dice.interval is None else f" ({LEVEL:.0%} bootstrap interval over {self.drawn} {_to(dice.interval)})"
        )
        beside = "" if dice.baseline is None else f"; {BASELINE_NAME}: {dice.baseline:.3f}"
        trained = f" {self.trained_on} of the {self.noun}s trained the network." if self.trained_on else ""
        return (
            f"Mean Dice {dice.mean:.3f}{spread} over {counted(self.cases, self.noun)}, of {of} at probability "
            f"{THRESHOLD:g} and each {self.noun}'s own size, 1 where prediction and truth are both empty{beside}."
            f"{trained}"
        )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _most(table: CaseTable) -> dict[str, float]:
    """Return the E-measure at its best threshold for all cases together, where there are curves: PraNet's maximum."""
    return {} if table.curves is None else {"e_max": float(table.curves.mean(0).max(-1).mean())}


def _objects(table: CaseTable) -> dict[str, float]:
    """Return the measures of objects over the matches of all cases together, mean over classes."""
    if table.matches is None:
        return {}
    together = [pool_matches(list(of_class)) for of_class in table.matches.T]
    names = [name for name in table.values if MEASURES[name].needs == "instances"]
    return {name: float(np.mean([MEASURES[name].of(one) for one in together])) for name in names}


def _ap_by_iou(table: CaseTable) -> dict[str, list[float]] | None:
    if table.matches is None:
        return None
    together = [pool_matches(list(of_class)) for of_class in table.matches.T]
    readings = {"at_least": instance_ap, "above": strict_ap}
    found = {"iou": together[0].thresholds.tolist()}
    for name, ap in readings.items():
        found[name] = np.mean([ap(one) for one in table.matches.flat], axis=0).tolist()
        found[f"{name}_over_data_set"] = np.mean([ap(one) for one in together], axis=0).tolist()
    return found


def _to(interval: Interval) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def _lines(table: CaseTable) -> dict[str, Line]:
    columns = table.by_column()
    names = [name for name in columns if not name.startswith(BASELINE)]
    compared = [name for name in names if f"{BASELINE}{name}" in columns]
    gains = {name: columns[name] - columns[f"{BASELINE}{name}"] for name in compared}
    drawn = np.stack([*(columns[name] for name in names), *gains.values()], axis=1)
    ends = bootstrap_interval(drawn, table.groups)
    found = [None] * drawn.shape[1] if ends is None else list(zip(*(side.tolist() for side in ends), strict=True))
    intervals = dict(zip(names, found[: len(names)], strict=True))
    above = dict(zip(compared, found[len(names) :], strict=True))
    return {
        name: Line(
            mean=float(columns[name].mean()),
            median=float(np.median(columns[name])),
            interval=intervals[name],
            baseline=float(columns[f"{BASELINE}{name}"].mean()) if name in compared else None,
            above=above.get(name),
        )
        for name in names
    }
