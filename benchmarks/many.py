"""What many files cost: time and memory of check, of a training's start and of prediction, as their number grows.

    python -m benchmarks.many [--counts 1000 3000 10000]

Each is done by a process of its own, on generated pictures of 128x128 with masks. Printed are its seconds and its
largest memory: all of it, and what is its own alone, without the pages of files, which the system may drop. Training
starts with reading all cases; then two batches are taken. Prediction is with a small network.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

SIDE = 128
FEATURES = "{'features':(4,8)}"
SMALL = ["--arch_options", FEATURES, "--roi_size", "32", "--epochs", "1", "--amp", "False", "--device", "cpu"]
START = """
import sys
from monai.bundle import ConfigParser
from monaiseg.bundle import shipped_bundles
parser = ConfigParser()
parser.read_config(str(shipped_bundles()["unetpp"] / "train.yaml"))
parser.update({"data_root": sys.argv[1], "output_dir": sys.argv[2], "image_size": "none"})
for part in ("train::dataset", "validate::dataset"):
    parser.get_parsed_content(part)
batches = iter(parser.get_parsed_content("train::dataloader"))
print([tuple(next(batches)["image"].shape) for _ in range(2)])
"""


def write_files(folder: Path, count: int) -> None:
    """Write pictures that differ, and masks, as a folder of `images` and `masks`."""
    for sub in ("images", "masks"):
        (folder / sub).mkdir(parents=True)
    for number in track(range(count), f"writing {count} files", console=Console(stderr=True)):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 255, (9, 9, 3), np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        Image.fromarray(smooth).save(folder / "images" / f"{number}.png")
        Image.fromarray(((smooth[..., 0] > 128) * 255).astype(np.uint8)).save(folder / "masks" / f"{number}.png")


def watched(command: list[str], cwd: Path) -> tuple[float, float, float]:
    """Run a command; return its seconds, and its largest memory in MiB, whole and its own."""
    begin = time.perf_counter()
    log = (cwd / "log.txt").open("w")
    process = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=subprocess.STDOUT)
    most = [0.0, 0.0]

    def watch() -> None:
        while process.poll() is None:
            for place, value in enumerate(_memory(process.pid)):
                most[place] = max(most[place], value)
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    watcher.join()
    if process.returncode not in (0, 6):  # 6: check found something to warn of
        raise SystemExit(f"{' '.join(command)}\n{(cwd / 'log.txt').read_text()[-2000:]}")
    return time.perf_counter() - begin, most[0], most[1]


def _memory(pid: int) -> Iterator[float]:
    """Give the resident memory of a process in MiB, and the part of it that is of no file."""
    try:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    except OSError:
        return
    for key in ("VmRSS", "RssAnon"):
        if key in lines:
            yield int(lines[key].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 3000, 10000])
    options = parser.parse_args()
    monaiseg = [sys.executable, "-m", "monaiseg"]
    table = Table("cases", "what", "seconds", "ms a case", "memory, MiB", "its own, MiB")
    with tempfile.TemporaryDirectory(dir=".") as temporary:
        here = Path(temporary).resolve()
        write_files(here / "few", 10)
        watched([*monaiseg, "train", "unetpp", "--data_root", "few", *SMALL], here)
        for count in options.counts:
            write_files(data := here / f"of{count}", count)
            commands = {
                "check": [*monaiseg, "data", "check", str(data)],
                "training start": [sys.executable, "-c", START, str(data), str(here)],
                "prediction": [*monaiseg, "predict", str(data / "images"), "--output_dir", str(here / f"out{count}")],
            }
            for what, command in commands.items():
                seconds, whole, own = watched(command, here)
                figures = f"{seconds:.1f}", f"{seconds / count * 1000:.2f}", f"{whole:.0f}", f"{own:.0f}"
                table.add_row(str(count), what, *figures)
    Console().print(table)


if __name__ == "__main__":
    main()
