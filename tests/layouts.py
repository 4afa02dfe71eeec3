"""Folders of empty files, for layouts look at names alone, and lists of files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def touch(root: Path, *names: str) -> Path:
    """Make empty files under a folder, and return it."""
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def write_csv(folder: Path, header: str, *rows: str, name: str = "cases.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def write_json(folder: Path, content: Any) -> Path:
    path = folder / "cases.json"
    path.write_text(json.dumps(content))
    return path
