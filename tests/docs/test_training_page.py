"""The page about trainings that are interrupted: what it says to torchrun and SLURM is what they take."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import torch
from packaging.version import Version
from torch.distributed.run import get_args_parser

from monaiseg.bundle import GuardedWorkflow, find_bundle
from monaiseg.cli.running import parse_overrides
from monaiseg.engine import join_ranks
from monaiseg.engine.parallel import PATIENCE, PLACE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text()
FENCES = re.findall(r"^```bash\n(.*?)^```$", PAGE + (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
(JOB,) = (fence for fence in FENCES if fence.startswith("#!"))
TORCHRUN = [line for fence in FENCES for line in fence.replace("\\\n", "").splitlines() if line.startswith("torchrun ")]
TASKS = 8


def test_torchrun_takes_what_it_is_told() -> None:
    """With every torch that is tested."""
    assert len(TORCHRUN) >= 3
    for line in TORCHRUN:
        told = get_args_parser().parse_args(shlex.split(line, comments=True)[1:])
        assert told.module and told.training_script in ("monai.bundle", "monaiseg")


@pytest.mark.skipif(Version(torch.__version__) < Version("2.13"), reason="the page says so of torch 2.13")
def test_newer_versions_take_what_they_are_said_to() -> None:
    flags = re.findall(r"`(--(?:shutdown_timeout|signals_to_handle) \S+)`", PAGE)
    assert len(flags) == 2
    for flag in flags:
        get_args_parser().parse_args([*flag.split(), "script.py"])


def test_the_wait_is_that_of_the_code() -> None:
    assert f"does not answer for {PATIENCE.seconds // 60} minutes" in PAGE


SRUN = f"""#!/bin/bash
shift
worst=0
for task in $(seq 0 {TASKS - 1}); do
  SLURM_PROCID=$task SLURM_LOCALID=$((task % 4)) "$@"
  code=$?
  if [ $code -gt $worst ]; then worst=$code; fi
done
exit $worst
"""
PLAYED = {
    "srun": SRUN,
    "scontrol": '#!/bin/bash\nif [ "$1" = requeue ]; then echo "$@" > requeued; else printf "node1\\nnode2\\n"; fi\n',
    "monaiseg": '#!/bin/bash\nenv > "place-$RANK"\necho "$@" > told\nexit $(cat code)\n',
}
"""What the job calls: `srun` starts all tasks, one after the other, and ends with the highest of their codes."""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    for name, script in PLAYED.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def submit(cluster: Path, code: int) -> int:
    """Run the job, whose processes end with a code, and return its own."""
    (cluster / "code").write_text(str(code))
    variables = {"SLURM_JOB_ID": "1234567", "SLURM_NTASKS": str(TASKS), "SLURM_JOB_NODELIST": "node[1-2]"}
    return subprocess.run(
        ["bash", "-c", JOB], cwd=cluster, env={"PATH": f"{cluster}:/usr/bin:/bin", **variables}
    ).returncode


@pytest.mark.parametrize(("code", "requeued"), [(0, False), (2, False), (75, True)])
def test_the_job_goes_on_where_it_was_told_to_stop(cluster: Path, code: int, requeued: bool) -> None:
    assert submit(cluster, code) == code
    assert (cluster / "requeued").exists() == requeued


def test_the_job_tells_each_process_its_place(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(cluster, 0)
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *_, **__: asked.append((place["RANK"], rank)))
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    for number in range(TASKS):
        place = dict(line.partition("=")[::2] for line in (cluster / f"place-{number}").read_text().splitlines())
        rank = str(number)
        for name in (*PLACE, "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
            monkeypatch.setenv(name, place[name])
        join_ranks("cpu")
        assert int(place["LOCAL_RANK"]) == number % 4 and place["LOCAL_WORLD_SIZE"] == "4"
    assert asked == [(str(number), str(number)) for number in range(TASKS)]
    assert place["MASTER_ADDR"] == "node1"


def test_the_job_trains_by_keys_that_there_are(cluster: Path) -> None:
    submit(cluster, 0)
    command, bundle, *flags = (cluster / "told").read_text().split()
    assert command == "train"
    GuardedWorkflow(str(find_bundle(bundle) / "train.yaml"), run_id="training", **parse_overrides(flags))
