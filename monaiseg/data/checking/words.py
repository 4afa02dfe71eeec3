"""The counts of a check in words, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST = 10
"""Different values of one kind that are listed."""


def summary_lines(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the record of a check as rows of a name and what is counted."""
    counted = ("cases", "sizes", "stored", "files", "spacings_mm", "orientations", "labels_stored", "label_values")
    lines = [(key.replace("_", " "), _counts(record[key])) for key in counted if record[key]]
    lines += [(name, str(count)) for name, count in record["counts"].items()]
    spans = {
        "low": "least value of an image",
        "high": "largest value of an image",
        "greys": "values of a mask with grey edges",
        "overcount": "mask > 0 against mask > 127",
        "instances": "instances a case",
        "overlapping_pixels": "pixels that instances share",
    }
    lines += [(told, _span(record[key])) for key, told in spans.items() if record[key]]
    return lines + [(f"share of {name}", _span(share, ".2%")) for name, share in record["shares"].items() if share]


def _counts(counts: Mapping[str, int]) -> str:
    told = [f"{name} ({count})" for name, count in list(counts.items())[:MOST]]
    return ", ".join(told) + (f" and {len(counts) - MOST} more" if len(counts) > MOST else "")


def _span(extremes: Mapping[str, float], spec: str = "g") -> str:
    if extremes["least"] == extremes["most"]:
        return format(extremes["least"], spec)
    return f"{extremes['least']:{spec}} to {extremes['most']:{spec}}, mean {extremes['mean']:{spec}}"
