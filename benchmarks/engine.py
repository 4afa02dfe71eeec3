"""What the engine adds to a hand-written PyTorch loop over the same data, network and loss: the default recipe.

    python -m benchmarks.engine [--rounds 7] [--any_key_of_train.yaml VALUE]

Both sides train a copy of the same network in this process, an epoch each in turn, so that a machine whose speed drifts
slows both. Printed are the median ratio of the rounds and their spread. The engine runs with all its handlers but the
validation: TensorBoard, the tables and the checkpoint of each epoch are in its time.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

from monai.bundle import ConfigParser
from monai.utils import set_determinism

from monaiseg.bundle import find_bundle
from monaiseg.cli.running import parse_overrides
from monaiseg.engine import build_optimizer, build_scheduler


def build_recipe(bundle: str, overrides: dict[str, Any]) -> ConfigParser:
    parser = ConfigParser(ConfigParser.load_config_file(str(find_bundle(bundle) / "train.yaml")))
    parser.update(overrides)
    dropped = ("IntervalValidation", "Report")
    parser["train::handlers"] = [h for h in parser["train::handlers"] if not h["_target_"].endswith(dropped)]
    parser.parse()
    return parser


def make_loop(recipe: ConfigParser) -> Callable[[], None]:
    """The plain loop, with the same optimizer, schedule, memory format and precision."""
    settings, loader = (recipe.get_parsed_content(key) for key in ("settings", "train::dataloader"))
    network = settings.place(copy.deepcopy(recipe.get_parsed_content("network_def")))
    loss_function = recipe.get_parsed_content("train::loss")
    optimizer = build_optimizer(recipe["optimizer"], network, recipe["lr"], recipe["optimizer_options"])
    scheduler = build_scheduler(recipe["scheduler"], optimizer, 1000, len(loader), options=recipe["scheduler_options"])

    def epoch() -> None:
        network.train()
        for batch in loader:
            image = batch["image"].to(settings.device, memory_format=settings.memory_format)
            label = batch["label"].to(settings.device)
            optimizer.zero_grad()
            with settings.autocast():
                output = network(image)
            loss_function(output, label).backward()
            optimizer.step()
            scheduler.step()

    return epoch


def make_engine(recipe: ConfigParser) -> Callable[[], None]:
    trainer = recipe.get_parsed_content("train::trainer")
    trainer.state.max_epochs = 0

    def epoch() -> None:
        trainer.state.max_epochs += 1
        trainer.run()

    return epoch


def timed(function: Callable[[], None]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bundle", default="unetpp")
    options, rest = parser.parse_known_args()
    set_determinism(0)
    with tempfile.TemporaryDirectory() as folder:
        overrides = {"epochs": 1000, "output_dir": folder, **parse_overrides(rest)}
        recipe = build_recipe(options.bundle, overrides)
        loop, engine = make_loop(recipe), make_engine(recipe)
        timed(loop), timed(engine)
        pairs = [(timed(loop), timed(engine)) for _ in range(options.rounds)]
    report(pairs, len(recipe.get_parsed_content("train::dataloader")))


def report(pairs: list[tuple[float, float]], iterations: int) -> None:
    ratios = sorted(engine / loop for loop, engine in pairs)
    loop, engine = (1000 * statistics.median(side) / iterations for side in zip(*pairs, strict=True))
    print(f"{iterations} iterations an epoch, {len(pairs)} rounds")
    print(f"plain loop {loop:.1f} ms an iteration, engine {engine:.1f} ms")
    print(f"engine / loop: median {statistics.median(ratios):.3f} (from {ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
