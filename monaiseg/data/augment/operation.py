"""What every augmentation operation is: named parameters, a draw for one case, and a kind that says when it acts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, get_type_hints

import numpy as np

from monaiseg.errors import ConfigError, suggest

VIEW, WARP, AFFINE_INTENSITY, PIXEL = "view", "warp", "affine_intensity", "pixel"
"""The kinds of operation, in the order in which they act; `Augmentation` says how."""

Span = tuple[float, float]
"""The two numbers between which a parameter is drawn evenly."""

Reader = Callable[[str, Any], Any]
"""Takes a parameter's name and what YAML gives, and returns the value or raises ConfigError."""


@dataclass(frozen=True)
class Operation:
    """Base of all operations: a dataclass whose fields are the parameters that YAML may set.

    Each field is `Annotated` with its `Reader`.

    Attributes:
        name: what YAML calls it.
        kind: when and how it acts: `view`, `warp`, `affine_intensity` or `pixel`.
        spatial_dims: where it works.
        colour: whether it is for RGB pictures only.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    spatial_dims: ClassVar[tuple[int, ...]] = (2, 3)
    colour: ClassVar[bool] = False

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> Operation:
        """Return the operation with these parameters, the others at their defaults.

        Raises:
            ConfigError: a parameter is unknown (names the nearest), of the wrong type or out of range.
        """
        hints = get_type_hints(cls, include_extras=True)
        readers: dict[str, Reader] = {f.name: hints[f.name].__metadata__[0] for f in fields(cls)}
        for key in parameters:
            if key not in readers:
                raise ConfigError(f"augment: {cls.name} has no parameter {key!r}{suggest(str(key), readers)}")
        return cls(**{key: readers[key](f"{cls.name}.{key}", value) for key, value in parameters.items()})

    def check(self, size: Sequence[int | None]) -> None:
        """Refuse parameters that do not go with images of this size, an entry an axis, None where it is not known.

        Raises:
            ConfigError: says which.
        """

    def parameters(self) -> dict[str, Any]:
        """Return its parameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def draw_between(rng: np.random.Generator, limits: Span) -> float:
    """Return a number drawn evenly between two."""
    return float(rng.uniform(*limits))


def number(least: float = -math.inf, most: float = math.inf) -> Reader:
    """Return the reader of one finite number."""

    def read(key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            hint = "; in YAML write 1.0e-3, not 1e-3" if isinstance(value, str) else ""
            raise ConfigError(f"augment: {key} is {value!r}; it must be a number{hint}")
        if not least <= value <= most:
            bounds = [f"from {least:g}"] * (least > -math.inf) + [f"to {most:g}"] * (most < math.inf)
            raise ConfigError(f"augment: {key} is {value!r}; it must be a number {' '.join(bounds)}")
        return float(value)

    return read


def span(least: float = -math.inf, most: float = math.inf) -> Reader:
    """Return the reader of two numbers, `[low, high]`, or of one that stands for both."""

    def read(key: str, value: Any) -> Span:
        ends = value if isinstance(value, list | tuple) else (value, value)
        if len(ends) != 2:
            raise ConfigError(f"augment: {key} is {value!r}; it must be a number or [low, high]")
        low, high = (number(least, most)(key, end) for end in ends)
        if low > high:
            raise ConfigError(f"augment: {key} is {value!r}; the low end must come first")
        return low, high

    return read


def whole(least: int = 0) -> Reader:
    """Return the reader of a whole number."""

    def read(key: str, value: Any) -> int:
        if not is_whole(value) or value < least:
            raise ConfigError(f"augment: {key} is {value!r}; it must be a whole number from {least}")
        return int(value)

    return read


def odd_widths(most: int) -> Reader:
    """Return the reader of one or several odd numbers from 3."""

    def read(key: str, value: Any) -> tuple[int, ...]:
        widths = tuple(value) if isinstance(value, list | tuple) else (value,)
        if not widths or any(not is_whole(width) or width % 2 == 0 or not 3 <= width <= most for width in widths):
            raise ConfigError(f"augment: {key} is {value!r}; it must be odd numbers from 3 to {most}, such as [3, 5]")
        return widths

    return read


def switch(key: str, value: Any) -> bool:
    """Read True or False."""
    if not isinstance(value, bool):
        raise ConfigError(f"augment: {key} is {value!r}; it must be True or False")
    return value


def sizes(key: str, value: Any) -> tuple[int, ...]:
    """Read a size, an entry an axis."""
    sides = tuple(value) if isinstance(value, list | tuple) else ()
    if not sides or any(not is_whole(side) or side < 1 for side in sides):
        raise ConfigError(f"augment: {key} is {value!r}; it must be a size an axis, such as [256, 256]")
    return sides


def two_axes(key: str, value: Any) -> tuple[int, int]:
    """Read two different axes."""
    axes = tuple(value) if isinstance(value, list | tuple) else ()
    if len(axes) != 2 or axes[0] == axes[1] or any(not is_whole(axis) or axis < 0 for axis in axes):
        raise ConfigError(f"augment: {key} is {value!r}; it must be two axes, such as [0, 1]")
    return axes[0], axes[1]


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number, True and False being none."""
    return isinstance(value, int) and not isinstance(value, bool)
