"""What the engine adds to a hand-written PyTorch loop over the same data, network and loss: the default recipe.

    python -m benchmarks.engine [--rounds 5] [--bundle unetpp] [--any_key_of_train.yaml VALUE]

A run is trained as users have it, with its loss, Dice, TensorBoard, tables and checkpoint of each epoch; at the end of
each epoch a plain loop trains a copy of the network for an epoch too, so that a machine whose speed drifts slows both.
The first epoch warms up, and the last one, which validates, is left out.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from ignite.engine import Events
from monai.bundle import ConfigParser
from monai.utils import set_determinism

from benchmarks.rows import Options, Row
from benchmarks.timing import Times, Work
from monaiseg.bundle import find_bundle
from monaiseg.cli.running import parse_overrides
from monaiseg.engine import build_optimizer, build_scheduler


def build_recipe(bundle: str, overrides: dict[str, Any], rounds: int) -> ConfigParser:
    """Return the bundle's recipe for as many epochs as `beside` needs."""
    parser = ConfigParser(ConfigParser.load_config_file(str(find_bundle(bundle) / "train.yaml")))
    parser.update({"epochs": rounds + 2, "val_interval": rounds + 2, **overrides})
    parser.parse()
    return parser


def make_loop(recipe: ConfigParser) -> Work:
    """Return an epoch of the plain loop, with the same optimizer, schedule, memory format and precision."""
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


def beside(recipe: ConfigParser, other: Work, rounds: int) -> Times:
    """Train the recipe, and do the other work at the end of each of its epochs; the sides are `engine` and `other`."""
    trainer = recipe.get_parsed_content("train::trainer")
    taken: dict[str, list[float]] = {"engine": [], "other": []}
    times = [time.process_time()]

    def at_the_end() -> None:
        times.append(time.process_time())
        other()
        times.append(time.process_time())
        taken["engine"].append(times[-2] - times[-3])
        taken["other"].append(times[-1] - times[-2])

    trainer.add_event_handler(Events.EPOCH_COMPLETED, at_the_end)
    trainer.run()
    return Times({side: seconds[1 : rounds + 1] for side, seconds in taken.items()})


def measure(options: Options, bundle: str = "unetpp", **overrides: Any) -> Iterator[Row]:
    """Give a row: the recipe, with its loss, Dice, checkpoint and TensorBoard, against a bare loop."""
    set_determinism(0)
    with tempfile.TemporaryDirectory() as folder:
        keys = {"output_dir": folder, "device": options.device, **overrides}
        recipe = build_recipe(bundle, keys, options.rounds)
        times = beside(recipe, make_loop(recipe), options.rounds)
        iterations = len(recipe.get_parsed_content("train::dataloader"))
    added = 1000 * (times.median("engine") - times.median("other")) / iterations
    more = {"times the loop": times.ratio("engine", "other"), "ms added an iteration": added}
    ms, ratio = 1000 * times.median("engine") / iterations, times.ratio("other", "engine")
    yield Row("engine", f"recipe {bundle}", "a bare loop", "an iteration", "as by default", ms, ratio, None, more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bundle", default="unetpp")
    asked, rest = parser.parse_known_args()
    for row in measure(Options(rounds=asked.rounds), asked.bundle, **parse_overrides(rest)):
        print(f"{row.milliseconds:.1f} ms an iteration, " + ", ".join(f"{k} {v:.3f}" for k, v in row.more.items()))


if __name__ == "__main__":
    main()
