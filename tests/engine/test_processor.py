"""Memory that is freed stays with the process, and torch has the threads that may run."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from monaiseg.engine import processor

of_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")

PAGES = """
import resource, torch
from monaiseg.engine import Settings
{}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
for _ in range(10):
    faults()  # until the heap has room between what stays
print(sum(faults() for _ in range(5)))
"""
SETTINGS = "Settings(spatial_dims=2, device='cpu')"


def pages(before: str, **variables: str) -> int:
    """Return how many pages the system gives for five times 64 MiB that were there and freed before."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MONAISEG_M", "MALLOC_", "THP_"))}
    command = [sys.executable, "-c", PAGES.format(before)]
    done = subprocess.run(command, env=kept | variables, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


@of_glibc
def test_a_run_on_the_cpu_keeps_its_memory() -> None:
    assert pages(SETTINGS) < 100


@of_glibc
def test_to_import_the_library_changes_nothing() -> None:
    assert pages("") > 1000


@of_glibc
def test_it_can_be_turned_off() -> None:
    assert pages(SETTINGS, MONAISEG_MALLOC="default") > 1000


@pytest.fixture
def four_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize(
    ("files", "threads"),
    [
        ({}, 4),
        ({"cpu.max": "max 100000\n"}, 4),
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "800000 100000\n"}, 4),
        ({"cpu.max": "nonsense"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
    ],
)
def test_threads_are_those_that_a_container_may_run(
    files: dict[str, str], threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(processor, "_GROUPS", tmp_path)
    assert processor.fit_threads() == torch.get_num_threads() == threads


@pytest.mark.usefixtures("four_threads")
def test_threads_that_are_asked_for_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    monkeypatch.setattr(processor, "_GROUPS", tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert processor.fit_threads() == 4
