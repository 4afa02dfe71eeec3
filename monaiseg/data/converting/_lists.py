"""A list of cases that names files where they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from monaiseg.data.cases import Case, Channel
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.converting._pixels import Size
from monaiseg.data.converting._writer import Writer
from monaiseg.data.layouts._tables import SEPARATOR
from monaiseg.errors import DataError


class CaseList(Writer):
    """`cases.csv`, with groups, parts and folds, and `classes.json` where labels tell classes by value or colour."""

    def __init__(
        self,
        folder: Path,
        cases: Sequence[Case],
        classes: Classes,
        size: Size = None,
        numbered: bool = False,
        parts: Mapping[str, str] | None = None,
        folds: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(folder, cases, classes, size, numbered)
        self.parts = parts or {}
        self.folds = folds or {}
        self._rows: list[dict[str, str]] = []
        self._grouped = any(case["group"] for case in cases)

    def write(self, case: Case) -> None:
        """Keep the row of a case; its files stay where they are."""
        self._rows.append(self._row(case))

    def finish(self) -> None:
        """Write the list and the table of its classes."""
        super().finish()
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(self._rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        self.put("cases.csv", buffer.getvalue().encode())
        if self.classes.kind != "masks":
            self.put_class_table(self.classes)

    def _row(self, case: Case) -> dict[str, str]:
        row = {"id": case["id"], "image": self._cell(case["image"])}
        for column, channel in zip(self._columns(), case["label"], strict=True):
            row[column] = self._cell(channel)
        if self._grouped:
            row["group"] = case["group"] or ""
        if self.parts:
            row["split"] = self.parts[case["id"]]
        if self.folds:
            row["fold"] = str(self.folds.get(case["id"], ""))
        return row

    def _columns(self) -> Sequence[str]:
        named = self.classes.kind == "masks" and self.classes.names != FOREGROUND.names
        return [f"label_{name}" for name in self.classes.names] if named else ["label"]

    def _cell(self, files: Channel) -> str:
        """Return a file, or several; a list of one ends in the separator, so that it is read as one."""
        paths = [self._path(file) for file in ([files] if isinstance(files, str) else files)]
        return SEPARATOR.join(paths) + (SEPARATOR if not isinstance(files, str) and len(paths) == 1 else "")

    def _path(self, file: str) -> str:
        """Return where a file is, from / on: the list lies elsewhere, and a list that says `..` is not read."""
        path = str(Path(file).parent.resolve() / Path(file).name)
        if SEPARATOR in path or path != path.strip():
            raise DataError(f"{file}: has {SEPARATOR} or a space at an end, which a list cannot hold; rename it")
        return path
