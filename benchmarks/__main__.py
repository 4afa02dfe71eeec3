"""How fast monaiseg is, beside what it would be used instead of.

    python -m benchmarks [--quick] [--device cpu] [--only networks windows] [--data DSB2018] [--output benchmarks.json]

Both sides of a comparison take turns in one process, on one thread of the CPU; a ratio is the median of those of the
rounds. It is done twice: as glibc gives memory by default, and with memory kept on both sides, as monaiseg has it when
it trains or predicts. On CUDA there is one allocator, and the references are compiled by `torch.compile`. `--quick` is
to see that all of it runs: its figures say little. Sections that are not measured stay in the file as they were.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from benchmarks.rows import Options, Row, read, table, write
from benchmarks.section import SECTIONS

ALLOCATORS = {"cpu": ("default", "tuned"), "cuda": ("CUDA",)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small inputs and two rounds")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, metavar="SECTION")
    parser.add_argument("--data", help="the folder of DSB2018's stage1_train (default: pictures that are generated)")
    parser.add_argument("--output", type=Path, default=Path("benchmarks.json"))
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        parser.exit(2, "benchmarks: error: there is no CUDA device here; leave out --device cuda\n")
    options = Options(asked.quick, asked.device, asked.data, rounds=2 if asked.quick else 3)
    allocators, here = ALLOCATORS[asked.device], {**machine(asked.device), "quick": asked.quick}
    console, rows = Console(stderr=True), kept(asked.output, asked.only, here)
    for section in asked.only:
        for allocator in allocators[:1] if section == "memory" else allocators:
            with console.status(f"{section}, {allocator} allocator"):
                for row in measured(section, allocator, options):
                    rows.setdefault(allocator, []).append(row)
                    console.print(f"{allocator}: {row.name}, {row.work}, {row.precision}: {row.ratio:.2f}")
        for found in rows.values():
            found.sort(key=lambda row: SECTIONS.index(row.section))
        write(asked.output, rows, here)
    print(table(rows), f"wrote {asked.output}", sep="\n\n")


def kept(output: Path, sections: Collection[str], here: dict[str, Any]) -> dict[str, list[Row]]:
    """Return what the file has of other sections, which stay as they were; what was measured elsewhere is refused."""
    if not output.exists():
        return {}
    rows, there = read(output)
    if there != here:
        sys.exit(f"benchmarks: error: {output} is of another machine or torch, or of --quick; name another --output")
    return {allocator: [row for row in found if row.section not in sections] for allocator, found in rows.items()}


def measured(section: str, allocator: str, options: Options) -> Iterator[Row]:
    """Give the rows of a section, each network measured by a process of its own.

    What one network has freed would serve the next, which then asks the system for less than in its users' processes.
    """
    if section != "networks":
        return _by_process(section, allocator, options)
    from benchmarks.pairs import PLAIN  # not above: seconds, which the table alone need not wait

    return chain.from_iterable(_by_process(section, allocator, replace(options, only=name)) for name in PLAIN)


def _by_process(section: str, allocator: str, options: Options) -> Iterator[Row]:
    command = [sys.executable, "-m", "benchmarks.section", section, allocator, json.dumps(asdict(options))]
    variables = os.environ | {"OMP_NUM_THREADS": "1", "MONAISEG_MALLOC": "default" if allocator == "default" else ""}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        for line in process.stdout or ():
            if line.startswith("{"):
                yield Row(**json.loads(line))
    if process.returncode:
        sys.exit(f"benchmarks: error: section {section} ended with {process.returncode}")


def machine(device: str) -> dict[str, Any]:
    """Return what the figures were measured on."""
    names = [line.partition(":")[2].strip() for line in _processor() if line.startswith("model name")]
    found = {"processor": names[0] if names else platform.processor(), "cores": os.cpu_count()}
    if device == "cuda":
        found["gpu"] = torch.cuda.get_device_name()
    return found | {"torch": torch.__version__, "python": platform.python_version(), "system": platform.platform()}


def _processor() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
