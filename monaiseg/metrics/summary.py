"""The scores of all cases as they are reported: means with intervals, the baseline beside them, and what each means."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg._wording import counted
from monaiseg.metrics.decision import THRESHOLD
from monaiseg.metrics.intervals import LEVEL, RESAMPLES, bootstrap_interval
from monaiseg.metrics.matching import pool_matches
from monaiseg.metrics.measures import MEASURES
from monaiseg.metrics.overlap import iou_by_batches, pooled
from monaiseg.metrics.table import BASELINE, CaseTable

Array = npt.NDArray[Any]
Interval = tuple[float, float]

BASELINE_NAME = "Otsu's threshold"
TOLD = ("what", "better", "unit", "both_empty", "truth_empty", "prediction_empty", "paper")
"""What `scores.json` repeats of a measure."""


def contract(noun: str = "case", drawn: str = "cases") -> dict[str, str]:
    """Return what holds for every score: of cases called `noun`, intervals by drawing `drawn`."""
    return {
        "reduction": f"mean over classes, then over {noun}s",
        "threshold": f"a class is where its probability is above {THRESHOLD:g}, and above that of those it excludes",
        "background": "no class; what is rightly left out counts in mean_class_iou, specificity, S, E and MAE",
        "size": f"each {noun}'s own, to which probabilities are resized",
        "empty": "as both_empty, truth_empty and prediction_empty of each measure say",
        "interval": f"{LEVEL:.0%} bootstrap over {drawn}, {RESAMPLES} resamples, percentiles",
        "baseline": f"{BASELINE_NAME}, of each {noun} and class in the polarity with the higher Dice",
    }


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
        over_batches: IoU of 16 consecutive cases as if they were one, mean over batches, as pytorch-nested-unet prints.
        empty_truths: cases in which a class is nowhere; `missed`: in which a class that is there was not found at all.
        nsd_tolerance: in pixels or mm, where NSD was computed.
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
    nsd_tolerance: float | None = None

    @classmethod
    def of(cls, table: CaseTable) -> Summary:
        """Return the summary of a table."""
        predicted = table.counts[..., :2].sum(-1)  # true and false positives
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
            missed=int(((there > 0) & (predicted == 0)).any(1).sum()),
            nsd_tolerance=table.nsd_tolerance,
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
            }
            for name, line in self.lines.items()
            if name in MEASURES
        }
        by_class = {name: asdict(line) for name, line in self.lines.items() if name not in MEASURES}
        return {
            "sentence": self.sentence(),
            "contract": contract(self.noun, self.drawn),
            "measures": measures,
            "by_class": by_class,
            **content,
        }

    @property
    def drawn(self) -> str:
        """What the bootstrap draws."""
        return f"{self.groups} groups of {self.noun}s" if self.groups < self.cases else f"{self.noun}s"

    def sentence(self) -> str:
        """Return what a paper has to say of the result."""
        dice = self.lines["dice"]
        of = f"the classes {', '.join(self.classes)}" if len(self.classes) > 1 else "the foreground"
        spread = (
            "" if dice.interval is None else f" ({LEVEL:.0%} bootstrap interval over {self.drawn} {_to(dice.interval)})"
        )
        beside = "" if dice.baseline is None else f"; {BASELINE_NAME}: {dice.baseline:.3f}"
        return (
            f"Mean Dice {dice.mean:.3f}{spread} over {counted(self.cases, self.noun)}, of {of} at probability "
            f"{THRESHOLD:g} and each {self.noun}'s own size, 1 where prediction and truth are both empty{beside}."
        )


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
