"""Folders of empty files, for layouts look at names alone, lists of files, and pairs that no layout is called by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pictures import DISC, png


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


def scans_with_truth(folder: Path) -> Path:
    """Write four pairs in the folders `scans` and `truth`, which no layout is called by."""
    for number in range(4):
        for sub in ("scans", "truth"):
            (folder / sub).mkdir(exist_ok=True)
            png(folder / sub, (255 * DISC).astype(np.uint8), name=f"{number}.png")
    return folder
