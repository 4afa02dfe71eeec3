"""What shape the cases of a run have: as asked, or where `auto` is asked, as their files say."""

from __future__ import annotations

from monaiseg.data.loading import CaseSplit
from monaiseg.data.reading import image_shape
from monaiseg.errors import ConfigError

AUTO = "auto"


class CaseShape:
    """The dimensions and channels of a run's cases.

    Attributes:
        spatial_dims: 2 or 3; `auto`: pictures have 2, volumes what their header says.
        in_channels: `auto`: 3 for pictures, grey ones too; of volumes their channels; of several files one each.
        out_channels: `auto`: as many as there are classes.

    Args:
        split: the cases that `auto` looks at, of which the first stands for all.

    Raises:
        ConfigError: a value is of the wrong type, or `auto` has no case to look at.
        DataError: the first case cannot be read.
    """

    def __init__(
        self,
        spatial_dims: int | str = AUTO,
        in_channels: int | str = AUTO,
        out_channels: int | str = AUTO,
        split: CaseSplit | None = None,
    ) -> None:
        if split is None:
            found: tuple[int | str, ...] = (AUTO, AUTO, AUTO)
        else:
            channels, size = image_shape([*split.train, *split.validation][0])
            found = (len(size), channels, len(split.classes))
        self.spatial_dims = count_or_auto("spatial_dims", spatial_dims, found[0])
        self.in_channels = count_or_auto("in_channels", in_channels, found[1])
        self.out_channels = count_or_auto("out_channels", out_channels, found[2])

    def record(self) -> dict[str, int]:
        """Return the three numbers by name."""
        return dict(vars(self))


def count_or_auto(key: str, value: int | str, auto: int | str) -> int:
    """Return the value, or what `auto` stands for; raises ConfigError unless that is a whole number from 1."""
    if value == AUTO and isinstance(value, str):
        value = auto
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{key} is {value!r}; it must be auto or a whole number from 1")
    return value
