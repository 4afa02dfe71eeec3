"""MONAI's workflow, with the mistakes refused that it lets pass."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser, ConfigWorkflow, workflows
from monai.utils import ensure_tuple

from monaiseg.bundle.errors_shown import one_line_errors
from monaiseg.bundle.parsed import read_config
from monaiseg.bundle.shipped import OVERLAY
from monaiseg.errors import ConfigError, suggest


class GuardedWorkflow(ConfigWorkflow):
    """A ConfigWorkflow that refuses overrides which match nothing, words read as text, and run ids that run nothing.

    Also under MONAI's command: `--workflow_name monaiseg.bundle.GuardedWorkflow`.

    Raises:
        ConfigError: at construction; the message names the key, or the file that is no configuration.
    """

    def __init__(self, config_file: str | Sequence[str], *, run_id: str = "run", **arguments: Any) -> None:
        one_line_errors()
        for file in ensure_tuple(config_file):
            read_config(Path(file))
        config = ConfigParser(ConfigParser.load_config_files(config_file))
        overrides = {key: value for key, value in arguments.items() if key not in _WORKFLOW_ARGUMENTS}
        check_overrides(config, overrides)
        with _overlaid(config_file):
            super().__init__(config_file, run_id=run_id, **arguments)
        check_values(config.get(), self.parser.get())
        check_run_id(self.parser, run_id)


@contextmanager
def _overlaid(config_file: str | Sequence[str]) -> Iterator[None]:
    """Keep MONAI from warning, in each process, that the overlay is not in the bundle's folder; of others it warns."""
    first, *others = [config_file] if isinstance(config_file, str | Path) else config_file
    elsewhere = {Path(other).name for other in others if Path(other).parent != Path(first).parent}

    def wanted(record: logging.LogRecord) -> bool:
        return not (elsewhere == {OVERLAY} and record.getMessage().startswith("Not all config files are in"))

    workflows.logger.addFilter(wanted)
    try:
        yield
    finally:
        workflows.logger.removeFilter(wanted)


YAML_TEXT = re.compile(r"[-+]?\d+e[-+]?\d+")
"""What looks like a number and is text to YAML."""

EXPONENT = re.compile(r"[-+]?[\d.]+e")
YAML_HINT = "; in YAML write 1.0e-3, not 1e-3"

_WORKFLOW_ARGUMENTS = (
    "meta_file",
    "logging_file",
    "init_id",
    "final_id",
    "tracking",
    "workflow_type",
    "properties_path",
)


def check_overrides(config: ConfigParser, overrides: Mapping[str, Any]) -> None:
    """Raise ConfigError for an override of a key that the configuration does not have."""
    for key in overrides:
        path = key.replace("#", "::")
        if path not in config:
            parent, _, name = path.rpartition("::")
            known = config[parent] if parent and parent in config else config.get()
            keys = [k for k in known if not k.startswith("_")] if isinstance(known, dict) else []
            raise ConfigError(f"--{key} matches nothing in the bundle{suggest(name, keys)}")


def check_values(default: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raise ConfigError for a value that was read as text, or as nothing, where something else was meant.

    default: the bundle as its file has it; what is a number there must be one in `config`.
    """
    for key, value in config.items():
        if value is None and default.get(key) is not None:
            raise ConfigError(f"{key} is None; write --{key} none")
        if isinstance(value, str) and isinstance(default.get(key), bool) and not is_word(value):
            raise ConfigError(f"{key} is {value!r}; it must be True or False")
        if isinstance(value, str) and isinstance(default.get(key), float | int) and not is_word(value):
            raise ConfigError(f"{key} is the text {value!r}, not a number{YAML_HINT if EXPONENT.match(value) else ''}")
        check_text(key, value)


def check_text(key: str, value: Any) -> None:
    """Raise ConfigError for text, in the value or below it, that is a number, True, False or None to Python."""
    if isinstance(value, Mapping):
        for name, entry in value.items():
            if not str(name).startswith("_"):  # MONAI's own, which it reads as text or not
                check_text(f"{key}#{name}", entry)
    elif isinstance(value, list | tuple):
        for number, entry in enumerate(value):
            check_text(f"{key}#{number}", entry)
    elif isinstance(value, str) and is_word(value):
        word = "none" if value.lower() in ("none", "null") else value.capitalize()
        mend = "write it without quotes" if "#" in key else f"write --{key} {word}"
        raise ConfigError(f"{key} is the text {value!r}; {mend}")
    elif isinstance(value, str) and YAML_TEXT.fullmatch(value):
        raise ConfigError(f"{key} is the text {value!r}, not a number{YAML_HINT}")


def is_word(text: str) -> bool:
    """Tell whether text is what somebody writes who means True, False or None; `none` is a word of the bundles' own."""
    return text.lower() in ("true", "false", "null") or text == "None"


def check_run_id(config: ConfigParser, run_id: str) -> None:
    """Raise ConfigError unless the run id names expressions or components that can be run."""
    content = config[run_id] if run_id in config else None
    steps = content if isinstance(content, list) else [content]
    if not steps or not all(_can_run(step) for step in steps):
        raise ConfigError(f"run id {run_id!r} runs nothing{suggest(run_id, runnable(config))}")


def runnable(config: ConfigParser) -> list[str]:
    """Return the run ids of a bundle: its lists of expressions."""
    lists = {key: value for key, value in config.get().items() if isinstance(value, list) and value}
    return [key for key, value in lists.items() if isinstance(value[0], str) and value[0].startswith("$")]


def _can_run(step: Any) -> bool:
    return (isinstance(step, str) and step.startswith("$")) or _is_component(step)


def _is_component(step: Any) -> bool:
    return isinstance(step, dict) and "_target_" in step
