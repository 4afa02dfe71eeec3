"""Watches, from outside, a fresh process that imports and builds what a plugin provides."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monaiseg._registry import Entry
from monaiseg.testing._check import PromiseBroken

MARK = "\0monaiseg\0"
"""Written to both streams where a phase begins: before the entry module, after it, before the build, after it."""
PATIENCE = 300


@dataclass(frozen=True)
class Observation:
    """What was seen.

    Attributes:
        found: whether the entry point was found in the metadata of its distribution and led to the spec.
        heavy: of torch and monai, those that the entry module imported.
        printed: what was printed to either stream, by the entry module and by builder and construction.
        opened: files, sockets and processes, as `open weights.bin`, and calls for an accelerator.
    """

    found: bool
    heavy: tuple[str, ...]
    printed: tuple[str, ...]
    opened: tuple[str, ...]


def observe(entry: Entry, options: Mapping[str, Any]) -> Observation:
    """Import the entry module of a plugin, then its builder, and build it in each number of dimensions, elsewhere.

    Raises:
        PromiseBroken: the process came to no end, or to a bad one.
    """
    spec = entry.spec
    task = dict(
        plugin=entry.plugin.name,
        distribution=entry.plugin.distribution,
        qualified=entry.qualified,
        spec=(spec.kind, spec.name, spec.build),
        variants=[{"spatial_dims": dims, **options} for dims in spec.spatial_dims],
    )
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        done = _run(pickle.dumps((task, str(told))))
        if not told.is_file():
            last = (done.stderr.replace(MARK, "").strip().splitlines() or ["nothing was said"])[-1]
            raise PromiseBroken(f"a process that imports and builds it ends with code {done.returncode}: {last}")
        seen = json.loads(told.read_text())
    printed = [text for stream in (done.stdout, done.stderr) for text in _said(stream)]
    return Observation(seen["found"], tuple(seen["heavy"]), tuple(printed), tuple(seen["opened"]))


def _run(task: bytes) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(folder for folder in sys.path if folder)
    # Warnings may be given: they are not prints, and whoever runs the process decides on them.
    command = [sys.executable, "-W", "ignore", "-m", "monaiseg.testing._observing", task.hex()]
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired as error:
        raise PromiseBroken(f"importing and building it does not end within {PATIENCE} seconds") from error


def _said(stream: str) -> list[str]:
    """Return what the phases of the plugin wrote to a stream."""
    parts = stream.split(MARK)
    return [text.strip() for text in parts[1:4:2] if text.strip()]
