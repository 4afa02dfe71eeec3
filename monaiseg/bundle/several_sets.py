"""One run scored on several sets: a table with a row a set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from monaiseg._files import write_table
from monaiseg._wording import aligned
from monaiseg.metrics import Line, Summary

SHOWN = ("dice", "iou", "precision", "recall", "s_measure", "e_mean", "weighted_f", "mae", "hd95", "ap50")
"""Measures of the printed table, where they were computed; the file has all."""


def sets_as_text(summaries: Mapping[str, Summary]) -> str:
    """Return the table as text: of each set its cases, Dice with its interval, Otsu's Dice and some other means."""
    names = [name for name in SHOWN if any(name in scores.lines for scores in summaries.values())]
    rows = [("set", "cases", "Dice (95 %)", "Otsu's", *names[1:])]
    for root, scores in summaries.items():
        dice, others = scores.lines["dice"], (scores.lines.get(name) for name in names[1:])
        cases = f"{scores.cases}, {scores.trained_on} of them trained on" if scores.trained_on else str(scores.cases)
        rows.append((root, cases, _with_interval(dice), _number(dice.baseline), *map(_mean, others)))
    return "\n".join(aligned(rows))


def write_sets(summaries: Mapping[str, Summary], run: Path) -> Path:
    """Write `<run>/sets-<time>.csv`, a row a set with all measures, and return it; raises OutputError if it cannot."""
    rows = [{"set": root, **dict(_columns(scores))} for root, scores in summaries.items()]
    columns = dict.fromkeys(key for row in rows for key in row)
    path = run / f"sets-{datetime.now().astimezone():%Y%m%d-%H%M%S-%f}.csv"
    write_table(path, list(columns), rows)
    return path


def _columns(scores: Summary) -> Iterator[tuple[str, Any]]:
    yield from {key: getattr(scores, key) for key in ("cases", "groups", "trained_on")}.items()
    yield from {"unit_of_distances": scores.length, "nsd_tolerance": scores.nsd_tolerance}.items()
    yield "objects", "" if scores.objects is None else scores.objects["told"]
    for name, line in scores.lines.items():
        low, high = line.interval or (None, None)
        parts = {name: line.mean, f"{name}_low": low, f"{name}_high": high, f"{name}_median": line.median}
        parts[f"baseline_{name}"] = line.baseline
        yield from ((key, value) for key, value in parts.items() if value is not None)
    yield from ((f"over_data_set_{name}", value) for name, value in scores.over_data_set.items())
    yield "over_batches_iou", scores.over_batches


def _with_interval(line: Line) -> str:
    return _number(line.mean) + (
        "" if line.interval is None else f" ({line.interval[0]:.3f} to {line.interval[1]:.3f})"
    )


def _mean(line: Line | None) -> str:
    return _number(None if line is None else line.mean)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
