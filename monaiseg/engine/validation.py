"""When a training is validated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ignite.engine import Engine, Events
from monai.handlers import ValidationHandler

from monaiseg._numbers import count
from monaiseg._ranks import gathered
from monaiseg.data import CaseDataset

SHARE = 0.1
"""Of the work of training that validating may cost."""

BACKWARD = 3
"""A training step costs about three forward passes."""


def validation_interval(
    interval: int | str, train: Sequence[Any], validate: CaseDataset, roi_size: Sequence[int]
) -> int:
    """Return how many epochs pass between validations; `"auto"`: so many that they cost a tenth of the training.

    It depends on the numbers of pixels alone, so that a run can be repeated.

    Raises:
        ConfigError: `interval` is neither `"auto"` nor a whole number from 1.
    """
    if (told := checked_interval(interval)) is not None:
        return told
    trained = BACKWARD * len(train) * math.prod(roi_size)
    # As they are kept: a size is known without the values, which would be normalised.
    validated = sum(gathered(sum(math.prod(validate.prepared(index)["image"].shape[1:]) for index in validate.own)))
    return max(1, math.ceil(validated / (SHARE * trained)))


def checked_interval(interval: int | str) -> int | None:
    """Return the interval that is told, or None of `"auto"`; raises as `validation_interval` does."""
    return None if interval == "auto" else count("val_interval", interval)


class IntervalValidation(ValidationHandler):
    """MONAI's ValidationHandler by epochs, which validates after the last epoch whatever the interval is."""

    def attach(self, engine: Engine) -> None:
        """Validate at the end of epochs."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._validate)

    def _validate(self, trainer: Engine) -> None:
        if trainer.state.epoch % self.interval == 0 or trainer.state.epoch == trainer.state.max_epochs:
            self(trainer)
