"""MONAI's workflow, with the mistakes refused that it lets pass."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from monai.bundle import ConfigParser, ConfigWorkflow

from monaiseg.bundle.errors_shown import one_line_errors
from monaiseg.errors import ConfigError, suggest


class GuardedWorkflow(ConfigWorkflow):
    """A ConfigWorkflow that refuses overrides which match nothing, words read as text, and run ids that run nothing.

    Also under MONAI's command: `--workflow_name monaiseg.bundle.GuardedWorkflow`.

    Raises:
        ConfigError: at construction; the message names the key.
    """

    def __init__(self, config_file: str | Sequence[str], *, run_id: str = "run", **arguments: Any) -> None:
        one_line_errors()
        config = ConfigParser(ConfigParser.load_config_files(config_file))
        overrides = {key: value for key, value in arguments.items() if key not in _WORKFLOW_ARGUMENTS}
        check_overrides(config, overrides)
        super().__init__(config_file, run_id=run_id, **arguments)
        check_values(config.get(), self.parser.get())
        check_run_id(self.parser, run_id)


YAML_TEXT = re.compile(r"[-+]?\d+e[-+]?\d+")
"""What looks like a number and is text to YAML."""

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
    """Raise ConfigError for a plain key whose value was read as text where something else was meant.

    default: the bundle as its file has it; what is a number there must be one in `config`.
    """
    for key, value in config.items():
        if value is None and default.get(key) is not None:
            raise ConfigError(f"{key} is None; write --{key} none")
        if not isinstance(value, str):
            continue
        if value.lower() in ("true", "false"):
            raise ConfigError(f"{key} is the text {value!r}; write --{key} {value.capitalize()}")
        if value.lower() == "null" or value == "None":
            raise ConfigError(f"{key} is the text {value!r}; write --{key} none")
        if isinstance(default.get(key), bool):
            raise ConfigError(f"{key} is {value!r}; it must be True or False")
        if isinstance(default.get(key), float | int) or YAML_TEXT.fullmatch(value):
            raise ConfigError(f"{key} is the text {value!r}, not a number; in YAML write 1.0e-3, not 1e-3")


def check_run_id(config: ConfigParser, run_id: str) -> None:
    """Raise ConfigError unless the run id names expressions or components that can be run."""
    content = config[run_id] if run_id in config else None
    steps = content if isinstance(content, list) else [content]
    if not all((isinstance(step, str) and step.startswith("$")) or _is_component(step) for step in steps):
        runnable = [k for k, v in config.get().items() if isinstance(v, list) and v and str(v[0]).startswith("$")]
        raise ConfigError(f"run id {run_id!r} runs nothing{suggest(run_id, runnable)}")


def _is_component(step: Any) -> bool:
    return isinstance(step, dict) and "_target_" in step
