"""The commands that run a bundle: `train`, `evaluate`, `predict`; each the same run as through MONAI's command."""

from __future__ import annotations

import argparse
import ast
import logging
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monaiseg.errors import ConfigError, MonaisegError, cause_of

EVALUATE_KEYS = ("layout", "classes", "fold", "measures", "nsd_tolerance", "decoder", "thresholds", "tune", "device")
PREDICT_KEYS = ("decoder", "thresholds", "device")
"""Keys of `evaluate.yaml` and `inference.yaml` that are no options of the parser, for the help."""


SAME = "same"
"""The run's own cases, as a set to evaluate on."""

OF_OTHERS = ("layout", "classes")
"""Where several sets are evaluated, what is said of those that are not the run's own."""


def _flags(keys: Sequence[str]) -> str:
    return ", ".join(f"--{key}" for key in keys)


def add_commands(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    train = commands.add_parser(
        "train",
        help="train a bundle: monaiseg train unetpp --epochs 2",
        epilog="Every key of the first part of the bundle's train.yaml is an option: --epochs 2, --loss DiceCELoss",
    )
    train.add_argument("bundle", help="a bundle's folder, or the name of a shipped one")
    train.set_defaults(run=_train, takes_overrides=True)
    resume = commands.add_parser(
        "resume",
        help="go on with a training that was interrupted, or with a finished one for more epochs",
        epilog="It runs by the configuration of the run; what does not change its results can be set: --epochs 20, "
        "--num_workers 2, --device cpu.",
    )
    resume.add_argument("model", metavar="RUN", help="the run's folder")
    resume.set_defaults(run=_resume, takes_overrides=True)
    evaluate = commands.add_parser(
        "evaluate",
        help="score a trained run: monaiseg evaluate --model RUN",
        epilog=f"Further options, explained in the bundle's evaluate.yaml: {_flags(EVALUATE_KEYS)}.",
    )
    evaluate.add_argument("--model", default="auto", help="the run's folder (default: the newest under runs)")
    evaluate.add_argument(
        "--data_root",
        nargs="+",
        action="extend",
        help="the sets to score it on (default: same, the run's own cases)",
    )
    evaluate.set_defaults(run=_evaluate, takes_overrides=True)
    predict = commands.add_parser(
        "predict",
        help="write masks of images",
        epilog=f"Further options, explained in the bundle's inference.yaml: {_flags(PREDICT_KEYS)}.",
    )
    predict.add_argument("input_dir", metavar="FOLDER", help="a folder of images, or one image")
    predict.add_argument("--model", default="auto", help="the run's folder (default: the newest under runs)")
    predict.add_argument("--output_dir", default="predictions", help="where masks go (default: predictions)")
    predict.set_defaults(run=_predict, takes_overrides=True)


def parse_overrides(arguments: list[str]) -> dict[str, Any]:
    """Return `--key value` and `--key=value` pairs, values read as Python literals where they are, else as text.

    Raises:
        ConfigError: an argument is no `--key`, or a key has no value.
    """
    overrides: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        key, equals, value = rest.pop(0).partition("=")
        if not key.startswith("--") or key == "--":
            raise ConfigError(f"{key!r} is no option; write settings as --key value")
        if not equals:
            if not rest:
                raise ConfigError(f"{key} has no value; write {key} VALUE")
            value = rest.pop(0)
        overrides[key[2:]] = _literal(value)
    return overrides


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _run(config: Path, run_id: str, overrides: dict[str, Any]) -> Any:
    """Run a bundle's file and return what its `report` is, where it has one."""
    for key in ("config_file", "run_id"):
        if key in overrides:
            raise ConfigError(f"--{key} is an option of python -m monai.bundle run; here the command says what is run")
    with warnings.catch_warnings():
        # MONAI warns at each run that a bundle is code; that is said in our documentation.
        warnings.filterwarnings("ignore", message="parsing config_file")
        from monai.bundle import workflows

        from monaiseg.bundle import GuardedWorkflow
        from monaiseg.bundle.shipped import with_overlay

        workflows.logger.setLevel(logging.WARNING)

        workflow = GuardedWorkflow(with_overlay(config), run_id=run_id, **overrides)
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        return workflow.parser.get_parsed_content("validate::report") if "validate::report" in workflow.parser else None


def _train(options: argparse.Namespace, rest: list[str]) -> None:
    from monaiseg.bundle.shipped import find_bundle

    overrides = parse_overrides(rest)
    if overrides.get("resume", "none") not in ("none", "auto"):
        _go_on(Path(str(overrides["resume"])), overrides, options.bundle)
        return
    bundle = find_bundle(options.bundle)
    _run(bundle / "train.yaml", "training", {"bundle_root": str(bundle), **overrides})


def _resume(options: argparse.Namespace, rest: list[str]) -> None:
    _go_on(Path(options.model), {"resume": options.model, **parse_overrides(rest)})


def _go_on(run: Path, overrides: dict[str, Any], bundle: str | None = None) -> None:
    """Go on with a run by its own configuration, whatever it was started with."""
    from monaiseg.bundle.resumed import check_asked
    from monaiseg.bundle.shipped import find_bundle, shipped_bundles

    facts = check_asked(run, overrides)
    home = Path(facts["bundle"])
    home = home if home.is_dir() else shipped_bundles().get(home.name, home)
    if bundle is not None and find_bundle(bundle).resolve().name != home.name:
        raise ConfigError(f"resume: {run} is of the bundle {home.name}, not {bundle}; write monaiseg resume {run}")
    beside = {"meta_file": home / "metadata.json", "logging_file": home / "logging.conf"}
    found = {key: str(path) for key, path in beside.items() if path.is_file()}
    _run(run / "config.yaml", "training", {**found, **_as_they_lay(facts), **overrides})


def _as_they_lay(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the folders of a run that it named from where it was started, where they are not below this one."""
    before = Path(str(facts.get("folder", ".")))
    named = {key: facts["config"].get(key) for key in ("data_root", "output_dir")}
    there = {
        key: before / value for key, value in named.items() if isinstance(value, str) and not os.path.exists(value)
    }
    return {key: str(path) for key, path in there.items() if os.path.exists(path)}


def _evaluate(options: argparse.Namespace, rest: list[str]) -> None:
    bundle, overrides = _bundle_of(options.model), {"model": options.model, **parse_overrides(rest)}
    if "output_dir" in overrides and options.model != "auto":
        raise ConfigError("output_dir is where the newest run is looked for, and --model names one; leave one out")
    roots = list(dict.fromkeys(options.data_root or [SAME]))
    if len(roots) > 1 and overrides.get("tune"):
        raise ConfigError(f"tune is True and data_root names {len(roots)} sets; tune on one, then evaluate on all")
    if len(roots) == 1:
        _run(bundle / "evaluate.yaml", "evaluating", overrides | {"data_root": roots[0]})
        return
    _evaluate_each(bundle, overrides, roots)


def _evaluate_each(bundle: Path, overrides: dict[str, Any], roots: list[str]) -> None:
    """Score a run on each set; one that cannot be used costs the others nothing, and is the error at the end."""
    from monaiseg.bundle.several_sets import sets_as_text, write_sets

    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(f"data_root names {len(roots)} sets; several processes evaluate one at a time")
    reports, faults = {}, {}
    for root in roots:
        print(f"\n{root}")
        try:
            of_root = {key: value for key, value in overrides.items() if root != SAME or key not in OF_OTHERS}
            reports[root] = _run(bundle / "evaluate.yaml", "evaluating", of_root | {"data_root": root})
        except Exception as error:
            cause = cause_of(error)
            if not isinstance(cause, MonaisegError):
                raise
            faults[root] = cause
            print(f"monaiseg: error: {cause}", file=sys.stderr)
    summaries = {root: report.summary for root, report in reports.items()}
    if summaries:
        print(
            f"\n{sets_as_text(summaries)}\n\nwritten         {write_sets(summaries, next(iter(reports.values())).run)}"
        )
    if faults:
        raise next(iter(faults.values()))


def _predict(options: argparse.Namespace, rest: list[str]) -> None:
    given = {key: getattr(options, key) for key in ("input_dir", "model", "output_dir")}
    _run(_bundle_of(options.model) / "inference.yaml", "inferring", {**given, **parse_overrides(rest)})


def _bundle_of(model: str) -> Path:
    """Return the bundle that a run came from; where that is gone, a shipped one: it takes all it needs from the run."""
    from monaiseg.bundle.records import read_record
    from monaiseg.bundle.shipped import shipped_bundles

    record = Path(model) / "run.json"
    bundle = Path(str(read_record(record, {}).get("bundle", ""))) if record.is_file() else Path()
    return bundle if (bundle / "evaluate.yaml").is_file() else next(iter(shipped_bundles().values()))
