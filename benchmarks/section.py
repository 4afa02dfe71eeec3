"""A section, in a process of its own: `python -m benchmarks.section NAME ALLOCATOR OPTIONS` prints rows as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module

import torch

from benchmarks.rows import Options, Row

SECTIONS = ("networks", "memory", "windows", "engine", "loading", "prediction", "epoch")


def main() -> None:
    from monaiseg.engine.processor import keep_memory  # not above: seconds, which the table alone need not wait

    name, allocator, options = sys.argv[1:]
    torch.set_num_threads(1)
    if allocator == "tuned":
        keep_memory()
    measure: Callable[[Options], Iterator[Row]] = import_module(f"benchmarks.{name}").measure
    for row in measure(Options(**json.loads(options))):
        print(json.dumps(asdict(row)), flush=True)


if __name__ == "__main__":
    main()
