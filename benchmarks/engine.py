"""What the engine adds to a hand-written PyTorch loop over the same data, network and loss: the default recipe.

    python -m benchmarks.engine [--rounds 3] [--bundle unetpp] [--any_key_of_train.yaml VALUE]

A run is trained as users have it, with its loss, Dice, TensorBoard, tables and checkpoint of each epoch; at the end of
each epoch a plain loop trains a copy of the network for an epoch too, so that a machine whose speed drifts slows both.
The first epoch warms up, and the last one, which validates, is left out.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ignite.engine import Events
from monai.bundle import ConfigParser
from monai.utils import set_determinism

from benchmarks.rows import Options, Row
from benchmarks.timing import Times, Work, now
from monaiseg.bundle import find_bundle
from monaiseg.cli.running import parse_overrides
from monaiseg.engine import build_optimizer, build_scheduler


def build_recipe(bundle: str, overrides: dict[str, Any], rounds: int) -> ConfigParser:
    """Return the bundle's recipe for as many epochs as `beside` needs."""
    parser = ConfigParser(ConfigParser.load_config_file(str(find_bundle(bundle) / "train.yaml")))
    parser.update({"epochs": rounds + 2, "val_interval": rounds + 2, **overrides})
    parser.parse()
    return parser


def make_loop(recipe: ConfigParser, loader: Collection[Any]) -> Work:
    """Return an epoch of the plain loop, with the same optimizer, schedule, memory format and precision."""
    settings = recipe.get_parsed_content("settings")
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


def one_batch(recipe: ConfigParser) -> list[Any]:
    """Return the first batch, on the device, as often as the recipe has batches."""
    settings, loader = (recipe.get_parsed_content(key) for key in ("settings", "train::dataloader"))
    first = next(iter(loader))
    image = first["image"].to(settings.device, memory_format=settings.memory_format)
    return [{"image": image, "label": first["label"].to(settings.device)}] * len(loader)


def beside(recipe: ConfigParser, others: Mapping[str, Work], rounds: int) -> Times:
    """Train the recipe, and do the other works at the end of each of its epochs; the side `engine` is its own."""
    trainer = recipe.get_parsed_content("train::trainer")
    device = recipe.get_parsed_content("settings").device.type
    taken: dict[str, list[float]] = {name: [] for name in ("engine", *others)}
    start = now(device)

    def at_the_end() -> None:
        nonlocal start
        taken["engine"].append(now(device) - start)
        for name, work in others.items() if len(taken["engine"]) <= rounds + 1 else ():
            start = now(device)
            work()
            taken[name].append(now(device) - start)
        start = now(device)

    trainer.add_event_handler(Events.EPOCH_COMPLETED, at_the_end)
    trainer.run()
    return Times({side: seconds[1 : rounds + 1] for side, seconds in taken.items()})


def measure(options: Options, bundle: str = "unetpp", **overrides: Any) -> Iterator[Row]:
    """Give two rows: the recipe, with its loss, Dice, checkpoint and TensorBoard, against bare loops.

    One loop takes the same batches, the other one batch again and again, which waits on the device.
    """
    set_determinism(0)
    keys = {"data_root": options.data} if options.data else {}
    with tempfile.TemporaryDirectory() as folder:
        keys |= {"output_dir": folder, "device": options.device, **overrides}
        rounds = 2 * options.rounds  # more than elsewhere, as the difference is small
        recipe = build_recipe(bundle, keys, rounds)
        loader = recipe.get_parsed_content("train::dataloader")
        batches = {"a bare loop": loader, "a bare loop over one batch": one_batch(recipe)}
        times = beside(recipe, {name: make_loop(recipe, given) for name, given in batches.items()}, rounds)
    ms = 1000 * times.median("engine") / len(loader)
    for name in batches:
        more = {"times the loop": times.ratio("engine", name)}
        more["ms added an iteration"] = ms - 1000 * times.median(name) / len(loader)
        ratio = times.ratio(name, "engine")
        yield Row("engine", f"recipe {bundle}", name, "an iteration", "as by default", ms, ratio, None, more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bundle", default="unetpp")
    asked, rest = parser.parse_known_args()
    for row in measure(Options(rounds=asked.rounds), asked.bundle, **parse_overrides(rest)):
        print(f"{row.milliseconds:.1f} ms an iteration, " + ", ".join(f"{k} {v:.3f}" for k, v in row.more.items()))


if __name__ == "__main__":
    main()
