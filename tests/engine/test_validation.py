"""When a training is validated: by the interval, and always at its end."""

import pytest
import torch
from ignite.engine import Engine
from monai.engines import Evaluator
from monai.transforms import Compose

from monaiseg.data import CaseDataset, NormaliseCase
from monaiseg.engine import IntervalValidation, validation_interval
from monaiseg.errors import ConfigError


class Recorder(Evaluator):
    """MONAI's handler takes only evaluators; this one notes when it is run."""

    def __init__(self) -> None:
        self.epochs = []

    def run(self, epoch: int) -> None:
        self.epochs.append(epoch)


@pytest.mark.parametrize(("interval", "expected"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (5, [5]), (9, [5])])
def test_the_last_epoch_is_always_validated(interval, expected):
    trainer, evaluator = Engine(lambda *_: None), Recorder()
    IntervalValidation(interval, evaluator).attach(trainer)
    trainer.run([0], max_epochs=5)
    assert evaluator.epochs == expected


class Unwanted(NormaliseCase):
    """Sizes are known without the values."""

    def __call__(self, item):
        raise AssertionError("a case was normalised to be counted")


@pytest.mark.parametrize(("pixels", "expected"), [(10, 1), (31, 2), (300, 10)])
def test_auto_follows_the_pixels(pixels, expected):
    def read(case):
        return {"image": torch.zeros(3, 1, case), "mean": torch.zeros(3), "std": torch.zeros(3)}

    cases = CaseDataset([pixels - 1, 1], Compose([read, Unwanted()]))
    assert validation_interval("auto", range(10), cases, (2, 5)) == expected


@pytest.mark.parametrize("interval", [0, "often", 1.5])
def test_refused(interval):
    with pytest.raises(ConfigError, match="val_interval"):
        validation_interval(interval, [], [], (1, 1))
