"""The prediction of a folder, files and all, beside the network alone on the same pictures."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.loading import COUNT, SIDE, write_files
from benchmarks.rows import Options, Row
from benchmarks.timing import take_turns
from monaiseg import build_network
from monaiseg.cli import main as monaiseg


def measure(options: Options) -> Iterator[Row]:
    """Give one row: the default network of the bundle `unetpp` after one epoch, on pictures of 288x288."""
    count = COUNT // 16 if options.quick else COUNT
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "data").mkdir()
        write_files(folder / "data", count)
        keys = ["--epochs", "1", "--device", options.device, "--amp", "False", "--image_size", "none"]
        keys += ["--output_dir", str(folder / "runs")]
        _quietly("train", "unetpp", "--data_root", str(folder / "data"), *keys)
        (run,) = (folder / "runs").iterdir()
        network = build_network("unetpp_half", spatial_dims=2, in_channels=3, out_channels=1).eval()
        network = network.to(options.device, memory_format=torch.channels_last)
        x = torch.rand(1, 3, SIDE, SIDE, device=options.device).to(memory_format=torch.channels_last)
        numbers = iter(range(1000))

        @torch.inference_mode()
        def alone() -> None:
            for _ in range(count):
                network(x)

        def folder_of_masks() -> None:
            output = str(folder / f"masks{next(numbers)}")
            _quietly("predict", str(folder / "data" / "images"), "--model", str(run), "--output_dir", output)

        times = take_turns({"ours": folder_of_masks, "network": alone}, max(2, options.rounds // 2), options.device)
    more = {"times the network alone": times.ratio("ours", "network"), "pictures": count}
    ms = 1000 * times.median("ours") / count
    ratio = times.ratio("network", "ours")
    yield Row("prediction", "a folder", "the network alone", "a picture", "float32", ms, ratio, None, more)


def _quietly(*arguments: str) -> None:
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = monaiseg(list(arguments))
    if code:
        raise RuntimeError(told.getvalue())
