"""When a run ends early."""

from types import SimpleNamespace

import pytest

from monaiseg.engine import EarlyStopping
from monaiseg.errors import ConfigError


@pytest.mark.parametrize(("patience", "stops"), [(0, None), (2, 12), (3, 16), (4, None)])
def test_early_stopping_counts_evaluations_since_the_best(patience, stops):
    """Evaluated every fourth epoch, best at the first."""
    evaluator = SimpleNamespace(state=SimpleNamespace(epoch=0, best_metric_epoch=4))
    stopped = []
    trainer = SimpleNamespace(state=SimpleNamespace(epoch=0), terminate=lambda: stopped.append(trainer.state.epoch))
    handler = EarlyStopping(patience, evaluator)
    for epoch in range(1, 18):
        trainer.state.epoch = epoch
        evaluator.state.epoch = epoch if epoch % 4 == 0 else evaluator.state.epoch
        handler(trainer)
        if stopped:
            break
    assert (stopped or [None])[0] == stops


def test_patience_is_checked():
    with pytest.raises(ConfigError, match="early_stopping is 'none'"):
        EarlyStopping("none", None)
