"""Options that a bundle passes on to a class of torch's: told from torch's own arguments, refused in one line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from monaiseg._numbers import number
from monaiseg.errors import ConfigError, first_line, suggest

Made = TypeVar("Made")


def merged_options(
    key: str, name: str, of: type, options: Any, defaults: Mapping[str, Any], settled: tuple[str, ...]
) -> dict[str, Any]:
    """Return `defaults` with `options` over them, as arguments of the class `of`.

    Args:
        key: what the bundle calls the options.
        name: what it calls the class.
        of: a class of torch's.
        options: what the bundle tells; numbers and switches are those whose default is one.
        defaults: ours, where they are not torch's.
        settled: arguments that are no options.

    Raises:
        ConfigError: `options` is no mapping, `of` takes no such option, or not that kind of value.
    """
    if not isinstance(options, Mapping):
        raise ConfigError(f"{key} is {options!r}; it must be a mapping of options of {name}, {{}} for none")
    parameters = {p.name: p.default for p in inspect.signature(of).parameters.values()} | dict(defaults)
    known = {option: default for option, default in parameters.items() if option not in settled}
    for option, value in options.items():
        if option in settled and option in parameters:
            raise ConfigError(f"{key}: {option!r} is settled by the rest of the bundle; leave it out")
        if option not in known:
            raise ConfigError(f"{key}: {name} has no option {option!r}{suggest(str(option), known)}")
        _check_kind(f"{key}: {option}", value, known[option])
    return {**defaults, **options}


def _check_kind(key: str, value: Any, default: Any) -> None:
    """Raise ConfigError where torch would take the value and act otherwise, or fail in the middle of a training."""
    if default is None or isinstance(default, bool):
        if not isinstance(value, bool) and value is not default:
            raise ConfigError(f"{key} is {value!r}; it must be True or False")
    elif isinstance(default, int | float):
        number(key, value)


def made_with(key: str, make: Callable[..., Made], options: Mapping[str, Any]) -> Made:
    """Return `make(**options)`; what torch has against the options is a ConfigError of one line that tells them all."""
    try:
        return make(**options)
    except Exception as error:
        told = ", ".join(f"{name} {value!r}" for name, value in options.items())
        raise ConfigError(f"{key}: torch refuses {told}: {first_line(error)}") from error
