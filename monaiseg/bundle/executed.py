"""What a bundle would execute: its components and expressions, and what of them lies outside of what is trusted."""

from __future__ import annotations

import ast
import builtins
import difflib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pydoc import ErrorDuringImport, locate
from typing import Any

from monai.bundle import ComponentLocator, ReferenceResolver

from monaiseg.errors import ConfigError, suggest

TRUSTED = ("monai", "torch", "ignite", "monaiseg")
"""Packages whose code a bundle may name without a warning."""

UNSAFE = ("__import__", "breakpoint", "compile", "eval", "exec", "getattr", "globals", "locals", "open", "vars")
"""Built-in functions that reach anything."""

PARTS = ("data", "engines", "handlers", "inferers", "losses", "metrics", "networks.nets", "optimizers", "transforms")
"""Of MONAI, where a component that is named without its module is looked for to say what is like it."""

STAND_IN = "referred"
"""A name for what a reference stands for, while an expression is parsed."""


@dataclass(frozen=True)
class Executed:
    """One thing that a bundle executes.

    Attributes:
        key: where it stands, such as `train::loss`.
        kind: `component`, which is built from its `_target_`, or `expression`, which is evaluated as Python.
        text: what stands there.
        outside: what of it lies outside of `TRUSTED`; empty where nothing does.
    """

    key: str
    kind: str
    text: str
    outside: tuple[str, ...]


def executed(config: Any, key: str = "") -> Iterator[Executed]:
    """Give what a configuration would execute, in its order; nothing of it runs, but trusted packages are imported.

    Raises:
        ConfigError: a component of a trusted package does not exist, or an expression is no Python.
    """
    if isinstance(config, str) and config.startswith("$"):
        yield Executed(key, "expression", config, _outside_of_expression(key, config))
    elif isinstance(config, list):
        for number, value in enumerate(config):
            yield from executed(value, f"{key}::{number}")
    elif isinstance(config, Mapping):
        for name, value in config.items():
            within = f"{key}::{name}" if key else str(name)
            if name == "_target_" and not str(value).startswith("$"):
                yield Executed(key, "component", str(value), _outside_of_component(key, str(value)))
            else:
                yield from executed(value, within)


def component(key: str, target: str) -> Any:
    """Return the class or function that a `_target_` names, as MONAI finds it; None if that would run other code.

    Only trusted packages are imported, and nothing called `__main__` or the like: importing that is running it.

    Raises:
        ConfigError: it is of a trusted package, and does not exist.
    """
    if "." not in target:
        homes = _locator().get_component_module_name(target)
        home = homes[0] if isinstance(homes, list) else homes
        found = _located(key, f"{home}.{target}")
    elif target.split(".", maxsplit=1)[0] in TRUSTED and not _hidden(target):
        found = _located(key, target)
    else:
        return None
    if found is None:
        raise ConfigError(f"{key}: there is no {target}{_nearest(target)}")
    return found


def _located(key: str, path: str) -> Any:
    try:
        return locate(path)
    except ErrorDuringImport as error:
        raise ConfigError(f"{key}: {path} cannot be imported ({error.value}); install what it needs") from error


def _hidden(path: str) -> list[str]:
    return [part for part in path.split(".") if part.startswith("__")]


def _nearest(target: str) -> str:
    parent, _, name = target.rpartition(".")
    homes = [parent] if parent else [f"monai.{part}" for part in PARTS]
    names = {one for home in homes for one in dir(locate(home)) if not one.startswith("_")}
    near = difflib.get_close_matches(name, names, n=3)
    return suggest(name, near) if near else "; mend its _target_, or install what has it"


@lru_cache(maxsize=1)
def _locator() -> ComponentLocator:
    return ComponentLocator()


def _outside_of_component(key: str, target: str) -> tuple[str, ...]:
    found = component(key, target)
    if found is None:
        return tuple(_hidden(target)) or (target.split(".", maxsplit=1)[0],)
    return _home(found)


def _home(found: Any) -> tuple[str, ...]:
    """Return the package that an object comes from if that is not a trusted one, though it was found in one."""
    root = str(getattr(found, "__module__", None) or getattr(found, "__name__", "torch")).split(".")[0]
    return () if root in TRUSTED else (root,)


def _outside_of_expression(key: str, text: str) -> tuple[str, ...]:
    try:
        body = ReferenceResolver.normalize_id(text[1:].strip())
        tree = ast.parse(ReferenceResolver.id_matcher.sub(STAND_IN, body))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.args[0] if error.args else type(error).__name__
        raise ConfigError(f"{key}: {text!r} is no Python ({reason}); mend it") from error
    within = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} | {STAND_IN}
    found = (name for node in ast.walk(tree) for name in _outside_of_node(key, node, bound, id(node) in within))
    return tuple(dict.fromkeys(found))


def _outside_of_node(key: str, node: ast.AST, bound: set[str], of_attribute: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (root for alias in node.names if (root := alias.name.split(".")[0]) not in TRUSTED)
    elif isinstance(node, ast.ImportFrom):
        if (root := str(node.module).split(".")[0]) not in TRUSTED:
            yield root
        else:
            found = (_located(key, f"{node.module}.{alias.name}") for alias in node.names)
            yield from (home for one in found if one is not None for home in _home(one))
    elif isinstance(node, ast.Name) and node.id not in bound and node.id not in TRUSTED:
        if node.id in UNSAFE or not hasattr(builtins, node.id):
            yield node.id
    elif isinstance(node, ast.Attribute):
        if node.attr.startswith("__"):
            yield node.attr
            return
        path = _dotted(node)
        if path.split(".")[0] in TRUSTED and not _hidden(path) and (found := _located(key, path)) is not None:
            yield from _home(found)
            if inspect.ismodule(found) and not of_attribute:
                yield path  # handed on under another name, where nobody sees what it is asked for
    elif isinstance(node, ast.Name) and node.id in TRUSTED and not of_attribute:
        yield node.id


def _dotted(node: ast.AST) -> str:
    """Return `torch.nn.ReLU` of an expression that is no more than that, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    within = _dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{within}.{node.attr}" if within and isinstance(node, ast.Attribute) else ""
