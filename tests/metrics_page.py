"""Writes the tables of docs/metrics.md from MEASURES: `python tests/metrics_page.py` in a checkout."""

from __future__ import annotations

from pathlib import Path

from monaiseg.metrics.measures import MEASURES, Measure

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"


def written(page: str) -> str:
    """Return the page with the tables that MEASURES asks for."""
    for name, rows in (("measures", what_rows()), ("empty", empty_rows())):
        head, _, rest = page.partition(f"<!-- {name} -->\n")
        page = "\n".join([f"{head}<!-- {name} -->", "", *rows, "", "<!-- end -->"]) + rest.partition("<!-- end -->")[2]
    return page


def what_rows() -> list[str]:
    names = ("name", "measure", "what", "needs", "better", "unit", "dimensions", "paper")
    rows = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for measure in MEASURES.values():
        dimensions = " and ".join(f"{dims}D" for dims in measure.spatial_dims)
        cells = (measure.title, measure.what, measure.needs, measure.better, measure.unit, dimensions, measure.paper)
        rows.append(f"| `{measure.name}` | " + " | ".join(cells) + " |")
    return rows


def empty_rows() -> list[str]:
    rows = ["| measure | both empty | truth empty | prediction empty |", "|---|---|---|---|"]
    for measure in MEASURES.values():
        rows.append(f"| `{measure.name}` | " + " | ".join(cell(value) for value in empties(measure)) + " |")
    return rows


def empties(measure: Measure) -> tuple[float | str, float | str, float | str]:
    return measure.both_empty, measure.truth_empty, measure.prediction_empty


def cell(value: float | str) -> str:
    return value.replace("*", r"\*") if isinstance(value, str) else f"{value:g}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
