"""From what YAML says to an `Augmentation`; every name, parameter and probability is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from monaiseg.data.augment.augmentation import Augmentation
from monaiseg.data.augment.draws import Choice
from monaiseg.data.augment.filters import BoxBlur, GaussianBlur, MedianBlur, MotionBlur
from monaiseg.data.augment.intensity import BrightnessContrast, ChannelShift, ChannelShuffle, Grey, HueSaturationValue
from monaiseg.data.augment.operation import Operation, number
from monaiseg.data.augment.pixels import CoarseDropout, Gamma, GaussianNoise, LocalContrast, LowResolution
from monaiseg.data.augment.presets import PRESETS
from monaiseg.data.augment.views import AxisFlip, AxisSwap, CropTo, QuarterTurn
from monaiseg.data.augment.warps import CropAndResize, ElasticWarp, GridWarp, ShiftScaleRotate
from monaiseg.errors import ConfigError, suggest

ONE_OF = "one_of"
P = 0.5
"""The probability of an operation that is written without one."""

OPERATIONS: dict[str, type[Operation]] = {
    operation.name: operation
    for operation in (
        *(AxisFlip, QuarterTurn, AxisSwap, CropTo),
        *(ShiftScaleRotate, CropAndResize, GridWarp, ElasticWarp),
        *(BrightnessContrast, HueSaturationValue, Grey, ChannelShift, ChannelShuffle),
        *(Gamma, LocalContrast, GaussianNoise, CoarseDropout, LowResolution),
        *(BoxBlur, GaussianBlur, MotionBlur, MedianBlur),
    )
}
"""All operations by name."""


def build_augmentation(
    augment: Any,
    spatial_dims: int,
    in_channels: int,
    crop: Sequence[int] | None = None,
    foreground_crops: float = 0.0,
) -> Augmentation:
    """Return the augmentation that `augment` asks for.

    Args:
        augment: the name of one of `PRESETS`, or a list whose entries are names of `OPERATIONS`, or mappings with
            `name`, `p` (0.5 where it is not given; a crop has 1) and parameters; `{name: one_of, p: 0.3, of: [...]}`
            does one of some, all equally likely.
        spatial_dims: 2 or 3.
        in_channels: channels of the images. Presets leave what is for colours out where these are not 3, and of
            volumes.
        crop: the size of a box that is cut out at random before all else.
        foreground_crops: the share of these boxes that has a pixel of a class in its middle.

    Raises:
        ConfigError: a name or parameter is unknown (names the nearest) or cannot be used; or an operation does not
            work in this number of dimensions, or of channels, or on images of the size of `crop`.
    """
    if isinstance(augment, list | tuple):
        entries, strict = list(augment), True
    elif isinstance(augment, str) and augment in PRESETS:
        entries, strict = PRESETS[augment], False
    else:
        raise ConfigError(f"augment is {augment!r}{suggest(str(augment), PRESETS)}")
    choices = [choice for entry in entries for choice in _choices(entry, spatial_dims)]
    fitting = [choice for choice in map(_fitting(augment, spatial_dims, in_channels, strict), choices) if choice]
    _check(fitting, crop or [None] * spatial_dims)
    share = foreground_crops
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ConfigError(f"foreground_crops is {share!r}; it must be a share from 0 to 1")
    return Augmentation(([Choice(1.0, (CropTo(tuple(crop), foreground=share),))] if crop else []) + fitting)


def _check(choices: Sequence[Choice], size: Sequence[int | None]) -> None:
    """Refuse what does not go with images of this size, or what earlier crops leave of it."""
    for choice in choices:
        for operation in choice.operations:
            operation.check(size)
            if isinstance(operation, CropTo):
                size = operation.size


def _choices(entry: Any, spatial_dims: int) -> Iterator[Choice]:
    """Give what an entry of the list stands for: one choice, or one an axis or plane."""
    name, rest = _name(entry)
    p = number(0, 1)(f"p of {name}", rest.pop("p", 1.0 if name == CropTo.name else P))
    if name == CropTo.name and p < 1:
        raise ConfigError(f"augment: p of crop is {p:g}; it must be 1, as the cases of a batch are of one size")
    if name != ONE_OF:
        yield from (Choice(p, (operation,)) for operation in _spread(_operation(name, rest), spatial_dims))
        return
    several = rest.pop("of", None)
    if rest or not isinstance(several, list) or not several:
        problem = f"has no parameter {next(iter(rest))!r}" if rest else "needs a list of operations"
        raise ConfigError(f"augment: one_of {problem}; write {{name: one_of, p: 0.3, of: [blur, gamma]}}")
    operations = []
    for name, parameters in map(_name, several):
        if "p" in parameters or name == ONE_OF:
            raise ConfigError(f"augment: {name} in one_of: its operations are equally likely; give one_of the p")
        if name == CropTo.name:
            raise ConfigError("augment: crop in one_of: the cases of a batch are of one size; list crop by itself")
        operations.append(_operation(name, parameters))
    yield Choice(p, tuple(operations))


def _spread(operation: Operation, spatial_dims: int) -> list[Operation]:
    """Return a flip of each axis, or a turn in each plane, for one that names none."""
    if isinstance(operation, AxisFlip) and operation.axis is None:
        return [AxisFlip(axis) for axis in range(spatial_dims)]
    if isinstance(operation, QuarterTurn) and operation.plane is None:
        return [QuarterTurn(plane) for plane in combinations(range(spatial_dims), 2)]
    return [operation]


def _name(entry: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(entry, str):
        return entry, {}
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ConfigError(f"augment: {entry!r} names no operation; write one as {{name: flip, p: 0.5}}")
    return entry["name"], {str(key): value for key, value in entry.items() if key != "name"}


def _operation(name: str, parameters: dict[str, Any]) -> Operation:
    if name not in OPERATIONS:
        raise ConfigError(f"augment: there is no operation {name!r}{suggest(name, [*OPERATIONS, ONE_OF])}")
    return OPERATIONS[name].from_parameters(parameters)


def _fitting(augment: Any, spatial_dims: int, in_channels: int, strict: bool) -> Any:
    """Return a function that leaves of a choice what works on such images."""
    whose = "augment" if strict else f"augment {augment}"

    def fit(choice: Choice) -> Choice | None:
        kept = []
        for operation in choice.operations:
            if operation.colour and (in_channels != 3 or (not strict and spatial_dims != 2)):
                if strict:
                    raise ConfigError(f"{whose}: {operation.name} is for 3 channels, not {in_channels}; leave it out")
                continue
            if spatial_dims not in operation.spatial_dims:
                raise ConfigError(f"{whose}: {operation.name} works in 2 dimensions only; leave it out or take volume")
            kept.append(operation)
        return Choice(choice.p, tuple(kept)) if kept else None

    return fit
