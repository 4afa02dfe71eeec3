"""What scoring costs: of a training iteration of the default recipe, and of an evaluation with every measure.

    python -m benchmarks.scoring [--rounds 40] [--without hd95] [--model RUN] [--any_key_of_train.yaml VALUE]

A part is timed with and without scoring in turn in this process, so that a machine whose speed drifts slows both.
Without a run the network is as it starts: its masks are noise, for which measures of surfaces and objects take longer
than for those that it draws once trained. With `--instances` objects are told apart and scored too.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.utils import set_determinism

from monaiseg.bundle import find_bundle
from monaiseg.cli.running import parse_overrides
from monaiseg.engine import EvaluationStep
from monaiseg.engine.handlers import training_overlap
from monaiseg.instances import ObjectDecoder
from monaiseg.metrics import MEASURES, CaseScores


def timed(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def training(recipe: ConfigParser, rounds: int) -> None:
    """A training step beside the counts of its output."""
    trainer = recipe.get_parsed_content("train::trainer")
    batch = next(iter(recipe.get_parsed_content("train::dataloader")))
    settings, network, loss = (recipe.get_parsed_content(key) for key in ("settings", "network", "train::loss"))
    optimizer = recipe.get_parsed_content("train::optimizer")
    image, label = (batch[key].to(settings.device) for key in ("image", "label"))
    assert trainer is not None

    def step() -> Any:
        optimizer.zero_grad()
        with settings.autocast():
            output = network(image)
        loss(output, label).backward()
        optimizer.step()
        return output

    output = step()
    steps = [timed(step) for _ in range(rounds)]
    counts = [timed(lambda: training_overlap(output, label)) for _ in range(rounds)]
    ratio = statistics.median(counts) / statistics.median(steps)
    print(f"training: iteration {1000 * statistics.median(steps):.1f} ms, its scores {100 * ratio:.2f} % of it")


def evaluation(recipe: ConfigParser, rounds: int, without: list[str]) -> None:
    """The validation's evaluator with every measure beside the same with a metric that does nothing."""
    evaluator = recipe.get_parsed_content("validate::evaluator")
    classes = recipe.get_parsed_content("cases").classes
    dims = recipe.get_parsed_content("settings").spatial_dims
    names = [name for name, measure in MEASURES.items() if dims in measure.spatial_dims and name not in without]
    objects = ObjectDecoder(recipe.get_parsed_content("instance_plan"), classes)
    if not objects.wanted:
        names = [name for name in names if MEASURES[name].needs != "instances"]
    scores = CaseScores(classes, names, objects=objects)
    loader = recipe.get_parsed_content("validate::dataloader")
    step = EvaluationStep(recipe.get_parsed_content("settings"), classes=len(classes.names))

    @torch.no_grad()
    def run(scored: bool) -> None:
        scores.reset()
        for batch in loader:
            output = step(evaluator, batch)
            if scored:
                scores.update((output,))
        if scored:
            scores.compute()

    run(True)
    pairs = [(timed(lambda: run(False)), timed(lambda: run(True))) for _ in range(rounds)]
    low, median, high = statistics.quantiles((with_ / alone - 1 for alone, with_ in pairs), n=4)
    alone = 1000 * statistics.median(pair[0] for pair in pairs) / len(loader)
    print(f"evaluation: {alone:.1f} ms a case without scores; all measures but {', '.join(without) or 'none'} add")
    print(f"{100 * median:.1f} % (quartiles of {rounds} rounds {100 * low:.1f} and {100 * high:.1f})")


def load_weights(network: torch.nn.Module, run: str) -> None:
    network.load_state_dict(torch.load(Path(run) / "model.pt", map_location="cpu", weights_only=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--bundle", default="unetpp")
    parser.add_argument("--model", help="a run of this recipe: evaluate with its weights")
    parser.add_argument("--without", nargs="*", default=["hd95"])
    options, rest = parser.parse_known_args()
    set_determinism(0)
    with tempfile.TemporaryDirectory() as folder:
        recipe = ConfigParser(ConfigParser.load_config_file(str(find_bundle(options.bundle) / "train.yaml")))
        recipe.update({"output_dir": folder, **parse_overrides(rest)})
        recipe.parse()
        training(recipe, options.rounds // 2)
        if options.model:
            load_weights(recipe.get_parsed_content("network"), options.model)
        evaluation(recipe, options.rounds, options.without)


if __name__ == "__main__":
    main()
