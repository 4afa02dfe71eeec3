"""Scores as text: a line for the end of a run, and the whole table."""

from __future__ import annotations

from collections.abc import Sequence

from monaiseg._wording import aligned, counted
from monaiseg.metrics import MEASURES, Line, Summary


def scored(scores: Summary, digits: int = 4) -> str:
    """Return Dice and IoU as a phrase."""
    dice, iou = (scores.lines[name].mean for name in ("dice", "iou"))
    return f"Dice {dice:.{digits}f}, IoU {iou:.{digits}f} ({counted(scores.cases, 'case')})"


def versus(scores: Summary) -> str:
    """Return the baseline's scores as a phrase that says whether the network beats them."""
    dice, iou = (scores.lines[name] for name in ("dice", "iou"))
    assert dice.baseline is not None
    baseline = f"Otsu's threshold: Dice {dice.baseline:.4f}, IoU {iou.baseline:.4f}"
    return baseline if dice.mean > dice.baseline else f"NOT BETTER than {baseline}"


def details(scores: Summary) -> list[str]:
    """Return lines that say how sure the Dice is, by how much it beats the baseline, and what it is of each class."""
    dice = scores.lines["dice"]
    lines = []
    if dice.interval is not None and dice.above is not None:
        least, most = dice.above
        lines.append(
            f"95 % interval   Dice {_interval(dice)}; {least:+.4f} to {most:+.4f} against Otsu's (paired bootstrap "
            f"over {scores.drawn})"
        )
    if len(scores.classes) > 1:
        each = (f"{label} {scores.lines[f'dice_{label}'].mean:.4f}" for label in scores.classes)
        lines.append(f"by class        Dice {', '.join(each)}")
    return lines


def as_text(scores: Summary) -> str:
    """Return a table of all measures, and below it what a reader must know to compare them with others."""
    each = scores.classes if len(scores.classes) > 1 else ()
    rows: list[tuple[str, ...]] = [("measure", "mean", "95 % interval", "median", "Otsu", *each, "")]
    rows += [_row(name, scores, each) for name in scores.lines if name in MEASURES]
    pooled = scores.over_data_set
    best = f", E (max of the mean curve) {pooled['e_max']:.4f}" if "e_max" in pooled else ""
    best += f", AP at 0.5 {pooled['ap50']:.4f}" if "ap50" in pooled else ""
    return "\n".join(
        [
            "",
            *aligned(rows),
            "",
            f"over the data set as one {scores.noun}: Dice {pooled['dice']:.4f}, IoU {pooled['iou']:.4f}{best}; over "
            f"batches of 16, as pytorch-nested-unet: IoU {scores.over_batches:.4f}",
            *_objects(scores),
            *_empty(scores),
            scores.sentence(),
        ]
    )


def _objects(scores: Summary) -> list[str]:
    if scores.objects is None:
        return []
    return [f"objects: {scores.objects['told']}; Otsu's are the connected components of its mask"]


def _empty(scores: Summary) -> list[str]:
    told = []
    if scores.empty_truths:
        told.append(f"a class is nowhere in the truth of {counted(scores.empty_truths, scores.noun)}")
    if scores.missed:
        told.append(f"not a pixel was found of a class that is there in {counted(scores.missed, scores.noun)}")
    return [f"empty masks: {'; '.join(told)} (docs/metrics.md tells what they count)"] if told else []


def _row(name: str, scores: Summary, each: Sequence[str]) -> tuple[str, ...]:
    line, measure = scores.lines[name], MEASURES[name]
    otsu = "" if line.baseline is None else f"{line.baseline:.4f}"
    by_class = (f"{scores.lines[f'{name}_{label}'].mean:.4f}" for label in each)
    length = scores.length
    unit = length if measure.unit else f"within {scores.nsd_tolerance:g} {length}" if name == "nsd" else ""
    return measure.title, f"{line.mean:.4f}", _interval(line), f"{line.median:.4f}", otsu, *by_class, unit


def _interval(line: Line) -> str:
    return "" if line.interval is None else f"{line.interval[0]:.4f} to {line.interval[1]:.4f}"
